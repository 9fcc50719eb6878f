// Sealer has the signals seal the days that are over, one at a time, on a thread of its
// own with a low priority: minutes of work for a large day, beside flushes and queries.
// Which days are due is the signals' to say (SignalStore::SealDue, seal_policy.h).
//
// A failure (disk full) is counted and logged, the day stays what it was, and is tried
// again after seal.retry_ms. Stop breaks off what is being done; a day is done whole or
// not at all.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "aggregator/store/store_options.h"
#include "common/base/mutex.h"

namespace opssight {

class Sealer {
 public:
  // options and stats outlive it, and so do the signals.
  Sealer(const StoreOptions& options, std::vector<SignalSlot> slots, StoreStats& stats);
  ~Sealer() { Stop(); }
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  void Stop() OPS_EXCLUDES(mutex_);

 private:
  void Run() OPS_EXCLUDES(mutex_);
  bool Turn();

  const StoreOptions& options_;
  const std::vector<SignalSlot> slots_;
  StoreStats& stats_;
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  CondVar changed_;
  std::thread thread_;  // Last: everything above is ready when it starts.
};

}  // namespace opssight
