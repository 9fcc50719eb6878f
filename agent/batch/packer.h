// Packer is the thread between the loop and the disk: it takes closed batches
// from the channel, encodes and compresses them, and writes what has come together
// to the spool in one transaction. It is the spool's one writer. When the spool
// cannot write it keeps the packed batches, tries again each second, and at its
// bound turns the oldest samples and spans into gap records; lines stay, and
// positions are never ahead.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/batch/open_batch.h"
#include "agent/batch/options.h"
#include "agent/spool/gaps.h"
#include "agent/spool/spool.h"
#include "common/base/channel.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace opssight {

class Packer {
 public:
  // What became of batches, for the loop.
  struct News {
    std::vector<std::pair<CommitDone, Status>> commits;
    bool spool_changed = false;
  };

  // news is called on the packer's thread.
  Packer(Spool& spool, const Clock& clock, const BatchOptions& options,
         std::function<void(News)> news);
  ~Packer();  // Start() and Stop() must have been called.
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void Start();
  Channel<ClosedBatch>& channel() { return channel_; }
  std::size_t channel_bytes() const { return channel_.bytes(); }
  // Writes what is in the channel, on a full disk into the spool's reserve, and joins. What
  // the disk then refuses is lost from memory: its commits get the error, its positions were
  // not moved.
  void Stop();

  bool failing() const { return failing_.load(std::memory_order_relaxed); }
  BatchStats stats() const OPS_EXCLUDES(mutex_);  // Its part of them. Any thread.

 private:
  void Run();
  std::optional<std::int64_t> WaitMs(std::int64_t now_ms);
  void Pack(ClosedBatch batch);
  bool DueNow(std::int64_t now_ms);
  void Flush(std::int64_t now_ms);
  void Succeeded(std::int64_t now_ms, bool spool_changed);
  void FailCommits(const Error& why, News& news);
  void Shed();
  void Thin(SpoolWrite& write);
  void GiveUp();
  void GiveMemoryBack(std::int64_t now_ms);

  Spool& spool_;
  const Clock& clock_;
  const BatchOptions options_;
  const std::function<void(News)> news_;
  Channel<ClosedBatch> channel_;
  std::atomic<bool> failing_{false};

  // The packer's thread.
  std::vector<SpoolWrite> pending_;
  std::vector<CommitDone> commits_;  // Of pending_.
  std::size_t thinned_ = 0;          // So many of pending_, from the front, were thinned.
  std::size_t pending_bytes_ = 0;
  std::size_t peak_bytes_ = 0;  // Since memory was last given back.
  GapCollector lost_;           // From thinning; written with the next transaction.
  std::uint64_t last_id_ = 0;
  std::int64_t retry_at_ms_ = 0;
  std::int64_t trim_at_ms_ = 0;
  std::optional<std::int64_t> queued_since_ms_;  // The spool has acknowledgements waiting.

  mutable Mutex mutex_;
  BatchStats stats_ OPS_GUARDED_BY(mutex_);
  std::thread thread_;  // Last.
};

}  // namespace opssight
