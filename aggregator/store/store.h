// Store keeps what the aggregator was given: durable in the wal when done is called,
// in the signals' heads (and so in query results) at once after, in day environments
// by and by, gone when retention says so. Exactly once through kill -9, power cuts
// and full disks. README.md has the files, the steps and what a crash leaves.
//
//   LogsStore logs({.dir = dir});
//   OPS_TRY(auto store, Store::Open({.dir = dir}, {{StoreSignal::kLogs, &logs}}));
//   store->Submit(std::move(batch), [](SubmitResult result) { … });  // BatchAcceptor
//   store->Stop();
//
// Threads: `commit` (transactions and done callbacks), one a signal (Apply, Freeze),
// `flush` (days, retention), one that watches disk and limits, one that seals days. All public
// calls are for any thread.
// A full or failing disk refuses batches with kUnavailable and ends by itself; queries go on.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/store/acceptor.h"
#include "aggregator/store/agent_runs.h"
#include "aggregator/store/apply_workers.h"
#include "aggregator/store/byte_budget.h"
#include "aggregator/store/committer.h"
#include "aggregator/store/flusher.h"
#include "aggregator/store/guarded_env.h"
#include "aggregator/store/intake_watch.h"
#include "aggregator/store/layouts.h"
#include "aggregator/store/loss_notes.h"
#include "aggregator/store/sealer.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"
#include "aggregator/store/wal_tap.h"
#include "common/base/mutex.h"
#include "common/base/result.h"

namespace opssight {

class Store final : public BatchAcceptor, public WalTap {
 public:
  // Opens the files first, so that signals can be made over layouts().
  static Result<std::unique_ptr<Store>> Open(StoreOptions options);
  // Recovers the signals, replays the wal into them (1 GB some 10 s) and starts to
  // take batches. Once. The signals outlive the Store.
  Status Start(std::vector<SignalSlot> signals);
  ~Store() override { Stop(); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Before Start and after Stop: kUnavailable.
  void Submit(IncomingBatch batch, Done done) override;
  Result<AgentProgress> Progress(const std::string& agent_id, std::uint64_t epoch) override;

  // HoldWal may be called before Start, the rest of WalTap after it.
  Result<std::vector<Wal::RawEntry>> ReadWal(WalPosition position, std::size_t bytes_max) override;
  WalPosition LastPosition() override;
  WalPosition OldestWithin(std::uint64_t bytes_max) override;
  void HoldWal(const std::string& who, WalPosition position) override OPS_EXCLUDES(holds_mutex_);

  const LayoutLookup& layouts() const { return *layouts_; }
  // meta.mdb, for MetaTable::Open.
  const std::shared_ptr<GuardedEnv>& meta() const { return meta_; }
  const StoreStats& stats() const { return stats_; }

  // Well: everything that was answered before the call is in the day environments.
  Status FlushNow();
  // Waits until everything that was answered before the call is in query results.
  void WaitApplied();
  // Takes no more, commits what waits, flushes, ends the threads.
  void Stop();

 private:
  explicit Store(StoreOptions options);
  Status OpenFiles();
  Result<WalPosition> FlushedCut(const CutNote& note, const std::vector<SignalSlot>& signals);
  Result<WalPosition> ReplayAll();
  void Lost(const std::string& what);
  void CollectLosses(const std::vector<SignalSlot>& signals);
  void TellLosses();
  void TellLoss(LossNotes::Note note);

  const StoreOptions options_;
  StoreStats stats_;
  ByteBudget budget_;
  std::atomic<WalPosition> held_{UINT64_MAX};  // Entries above it are not trimmed.
  std::shared_ptr<GuardedEnv> meta_;
  std::unique_ptr<LossNotes> losses_;  // Of what the store itself lost, until it is in the wal.
  std::unique_ptr<Wal> wal_;
  std::unique_ptr<Layouts> layouts_;
  AgentRuns runs_;
  // In the order in which they are made; they end the other way round.
  std::unique_ptr<ApplyWorkers> workers_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Flusher> flusher_;
  std::unique_ptr<IntakeWatch> watch_;
  std::unique_ptr<Sealer> sealer_;
  bool wal_set_aside_ = false;  // At this start, and told.
  std::atomic<bool> taking_{false};
  Mutex holds_mutex_;
  std::map<std::string, WalPosition> holds_ OPS_GUARDED_BY(holds_mutex_);
};

}  // namespace opssight
