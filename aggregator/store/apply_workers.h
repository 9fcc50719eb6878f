// ApplyWorkers hands durable batches to the signals: one thread a signal, each
// seeing in wal order the batches that hold something of it. What is queued is
// bounded by the tickets that the batches carry (ByteBudget), not here.
//
//   workers.HandOver(group);              // committer or replay, in wal order
//   WalPosition cut = workers.FreezeAll();  // flusher
//
// HandOver is for one thread at a time; the rest for any. Stop applies what is
// queued and joins.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aggregator/store/byte_budget.h"
#include "aggregator/store/signal_store.h"
#include "aggregator/store/store_options.h"
#include "common/base/mutex.h"

namespace opssight {

struct HandedBatch {
  BatchOrigin origin;
  std::shared_ptr<const DecodedBatch> batch;
  std::size_t frame_bytes = 0;
  ByteBudget::Ticket ticket;
};

class ApplyWorkers {
 public:
  // flushed: what is in the days already; positions handed over are above it.
  ApplyWorkers(const std::vector<SignalSlot>& slots, WalPosition flushed);
  ~ApplyWorkers();
  ApplyWorkers(const ApplyWorkers&) = delete;
  ApplyWorkers& operator=(const ApplyWorkers&) = delete;

  void HandOver(std::vector<HandedBatch> group) OPS_EXCLUDES(mutex_);
  WalPosition last() const OPS_EXCLUDES(mutex_);               // Handed over last.
  std::uint64_t unfrozen_bytes() const OPS_EXCLUDES(mutex_);   // Frames since the last freeze.
  std::uint64_t unflushed_bytes() const OPS_EXCLUDES(mutex_);  // Of which no cut is Flushed.

  struct Cut {
    WalPosition position = 0;
    std::uint64_t bytes = 0;  // Frames since the cut before.
  };
  // Waits until every signal froze exactly what was handed over up to the cut.
  Cut FreezeAll() OPS_EXCLUDES(mutex_);
  void Flushed(const Cut& cut) OPS_EXCLUDES(mutex_);  // Once; it is in the days.
  // Waits until what was handed over before the call is applied.
  void WaitIdle() OPS_EXCLUDES(mutex_);
  void Stop();

 private:
  class Latch;
  class Worker;
  struct Item {
    std::shared_ptr<const std::vector<HandedBatch>> group;  // Null: only the latch.
    std::optional<WalPosition> freeze;
    std::shared_ptr<Latch> latch;
  };

  mutable Mutex mutex_;  // Held while queueing, so that all workers see one order.
  WalPosition last_ OPS_GUARDED_BY(mutex_);
  std::uint64_t unfrozen_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::uint64_t unflushed_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace opssight
