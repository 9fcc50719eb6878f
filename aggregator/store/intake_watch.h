// IntakeWatch says whether the Store may take batches: it looks at the free disk, and at how
// much waits for the days, each tick_ms on a thread of its own, because a flush may take
// minutes. At twice the flush's limits the committer refuses until a flush has made room; so
// a flush that fails, or is slower than what comes in, bounds wal and heads all the same.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include "aggregator/store/apply_workers.h"
#include "aggregator/store/committer.h"
#include "aggregator/store/flusher.h"
#include "aggregator/store/store_options.h"
#include "common/base/mutex.h"

namespace opssight {

class IntakeWatch {
 public:
  struct Parts {
    const ApplyWorkers& workers;
    const Flusher& flusher;
    Committer& committer;  // Told when to refuse.
    StoreStats& stats;
  };
  // Looks once before it returns. All outlive the watch.
  IntakeWatch(const StoreOptions& options, std::vector<SignalSlot> slots, Parts parts);
  ~IntakeWatch() { Stop(); }
  IntakeWatch(const IntakeWatch&) = delete;
  IntakeWatch& operator=(const IntakeWatch&) = delete;

  void Stop() OPS_EXCLUDES(mutex_);

 private:
  void Run() OPS_EXCLUDES(mutex_);
  void Look();
  bool DiskLow();
  bool Behind() const;

  const StoreOptions& options_;
  const std::vector<SignalSlot> slots_;
  const Parts parts_;
  bool disk_low_ = false;  // The constructor, then the thread.
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: everything above is ready when it starts.
};

}  // namespace opssight
