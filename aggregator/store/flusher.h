// Flusher moves heads to the day environments and drops old days, on a thread of its own. Steps of
// a flush, each of which may be the last before a crash (what then is: README.md):
//
//   freeze all signals at one cut -> note the cut in meta.mdb -> each signal writes
//   its days -> the wal records the cut -> each signal publishes -> trim the wal
//
// A step that fails ends the round; the frozen heads stay what queries see, and the
// round goes on with the same cut after flush_retry_ms.
//
// FlushNow and Stop are for any thread and wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "aggregator/store/apply_workers.h"
#include "aggregator/store/committer.h"
#include "aggregator/store/cut_note.h"
#include "aggregator/store/flush_policy.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"
#include "common/base/mutex.h"

namespace opssight {

class Flusher {
 public:
  struct Parts {
    Wal& wal;
    MetaTable notes;
    ApplyWorkers& workers;
    Committer& committer;  // Told which layouts to trim; stopped before the flusher.
    StoreStats& stats;
    const std::atomic<WalPosition>& held;  // Entries above it are not trimmed: a WalTap's.
    std::function<void()> after_turn;      // Called after each flush and tick.
  };
  // flushed: what the wal says. seen_wall_ms: of the last note. options outlives it.
  Flusher(const StoreOptions& options, std::vector<SignalSlot> slots, Parts parts,
          WalPosition flushed, std::int64_t seen_wall_ms);
  ~Flusher() { Stop(); }
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  // Well: what was handed over before the call is in the days.
  Status FlushNow() OPS_EXCLUDES(mutex_);
  // One last flush, so that the next start has nothing to replay; joins.
  void Stop() OPS_EXCLUDES(mutex_);
  std::uint64_t head_bytes_after_flush() const { return head_bytes_after_flush_; }

 private:
  void Run() OPS_EXCLUDES(mutex_);
  void Tick();
  Status Flush(FlushReason reason);
  Status Complete();
  Status TrimAll();
  void Retain();
  Status RetainOne(const SignalSlot& slot, std::int64_t now_ms);
  const Retention& RetentionOf(StoreSignal signal) const;
  FlushState State() const;
  void Pause(std::int64_t ms) OPS_EXCLUDES(mutex_);
  void At(StorePoint point) const;

  const StoreOptions& options_;
  const std::vector<SignalSlot> slots_;
  Parts parts_;

  Mutex mutex_;
  CondVar changed_;
  std::uint64_t asked_ OPS_GUARDED_BY(mutex_) = 0;
  std::uint64_t answered_ OPS_GUARDED_BY(mutex_) = 0;
  Status answer_ OPS_GUARDED_BY(mutex_);
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;
  bool stopped_ OPS_GUARDED_BY(mutex_) = false;

  // The flusher's thread only.
  WalPosition flushed_;
  std::optional<ApplyWorkers::Cut> frozen_;  // Of a round that is not complete.
  WalPosition trimmed_ = 0;                  // The wal holds no entry up to it.
  std::int64_t last_flush_ms_;
  std::int64_t retry_at_ms_ = 0;
  std::atomic<std::uint64_t> head_bytes_after_flush_{0};  // Read by any.
  RetentionSchedule retention_;

  std::thread thread_;  // Last: everything above is ready when it starts.
};

}  // namespace opssight
