// Committer makes batches durable: it collects what was submitted, decides by the
// accept rule (runs.h) what is new, writes that in one transaction of the wal, then
// hands the batches to the signals, in wal order, and tells the senders.
//
// After a failed commit (disk or map full, I/O error) what is durable is read back from the
// file. Where the group is there after all, it is handed over and its senders get kStored;
// else, or where the file cannot be read, they get kUnavailable and Submit refuses for
// retry_ms before the next try. So memory never says more, or less, than the disk.
//
// Submit is for any thread and never waits. One thread of its own does the rest,
// done callbacks included.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "aggregator/store/acceptor.h"
#include "aggregator/store/agent_runs.h"
#include "aggregator/store/apply_workers.h"
#include "aggregator/store/byte_budget.h"
#include "aggregator/store/commit_days.h"
#include "aggregator/store/group_window.h"
#include "aggregator/store/layouts.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"
#include "common/base/mutex.h"

namespace opssight {

class Committer {
 public:
  struct Parts {
    Wal& wal;
    Layouts& layouts;
    AgentRuns& runs;
    ApplyWorkers& workers;
    ByteBudget& budget;
    StoreStats& stats;
  };
  // options outlives the committer. Takes batches from Start on.
  Committer(const StoreOptions& options, Parts parts);
  ~Committer() { Stop(); }
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Once. next: the first position to give out.
  void Start(WalPosition next);

  void Submit(IncomingBatch batch, BatchAcceptor::Done done) OPS_EXCLUDES(mutex_);

  // Why the Store takes nothing now, for the time being.
  enum class Refusal : std::uint8_t { kNone, kDiskLow, kFlushBehind };
  void Refuse(Refusal why) { refusal_ = why; }

  // The wal holds no entry up to gone: the layouts that only such ones used are dropped,
  // between groups.
  void TrimLayouts(WalPosition gone) OPS_EXCLUDES(mutex_);

  // Refuses what comes, commits and answers what waits, joins.
  void Stop() OPS_EXCLUDES(mutex_);

 private:
  struct Pending {
    IncomingBatch batch;
    BatchAcceptor::Done done;
    ByteBudget::Ticket ticket;
    SubmitResult result;
  };
  // A group being decided: what to write, and what is true once it is written.
  struct Decided {
    Layouts::Day today = 0;
    WalGroup group = {};
    AgentRuns::Map runs = {};
    std::unordered_set<LayoutId> layouts = {};
    std::vector<std::size_t> stored = {};  // Of the pending ones.
  };

  std::optional<Error> Check(const IncomingBatch& batch) const;
  std::optional<Error> CheckOpen();
  void Run() OPS_EXCLUDES(mutex_);
  bool TakeGroup(std::vector<Pending>& group) OPS_EXCLUDES(mutex_);
  void Commit(std::vector<Pending>& group) OPS_EXCLUDES(mutex_);
  Decided Decide(std::vector<Pending>& group);
  void Accept(Pending& pending, std::size_t index, Decided& decided);
  void AddLayouts(const IncomingBatch& batch, Decided& decided);
  bool KnowsLayouts(const IncomingBatch& batch, Layouts::Day today) const;
  void Count(const std::vector<Pending>& group, const Decided& decided);
  // What became of a group: on disk; on disk though the commit said no, and handed over; not.
  enum class Written : std::uint8_t { kYes, kAfterAll, kNo };
  Written Write(std::vector<Pending>& group, Decided& decided);
  void HandOver(std::vector<Pending>& group, const Decided& decided);
  void Fail(std::vector<Pending>& group, const Error& error);
  void Resync();
  void TrimSomeLayouts() OPS_EXCLUDES(mutex_);
  void At(StorePoint point) const;

  const StoreOptions& options_;
  const Parts parts_;
  std::atomic<Refusal> refusal_{Refusal::kNone};
  std::atomic<std::int64_t> refuse_until_ns_{0};  // After a failed commit.

  Mutex mutex_;
  CondVar changed_;
  std::deque<Pending> queue_ OPS_GUARDED_BY(mutex_);
  std::size_t queue_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::optional<WalPosition> gone_ OPS_GUARDED_BY(mutex_);  // Layouts are to be trimmed.
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;

  // The committer's thread only.
  GroupWindow window_;
  WalPosition next_ = 0;
  bool in_sync_ = true;  // Memory says what the wal says.
  CommitDays days_;
  std::vector<LayoutId> unused_;  // Still to be trimmed, where last used before:
  Layouts::Day unused_before_ = 0;

  std::thread thread_;
};

}  // namespace opssight
