// Spool is the agent's disk queue: batches, and how far sources had read when
// they were made, in one LMDB file, so that one is never ahead of the other. What
// Write() said is there survives kill -9 and power cuts; it leaves when the
// aggregator has it (Remove), or, at the cap, as a gap record of the same number.
//
//   OPS_TRY(auto spool, Spool::Open({.path = dir + "/spool.mdb"}, clock));
//   spool->Write(writes);                     // the packer's thread, only
//   spool->ReadFrom(1, 256 << 10, &damaged);  // any thread, short
//   spool->Remove({{.first = 1, .last = 9}}); // any thread; goes with the next Write
//
// One thread writes (agent/batch). All else may be called on any thread and never
// waits for the disk's sync. Errors carry the path; after one the file is closed and
// opened again, and for that moment reads are kUnavailable. Formats, and what is lost
// when: README.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sink/sink.h"
#include "agent/spool/queue.h"
#include "agent/spool/range_set.h"
#include "agent/spool/record.h"
#include "agent/spool/spool_view.h"
#include "agent/spool/state.h"
#include "agent/spool/tables.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"
#include "common/model/record.h"

namespace opssight {

class SpoolTxn;

struct SpoolOptions {
  std::string path;
  std::uint64_t bytes_max = 1UL << 30;  // Of live batches and layouts; then the oldest go.
  // The file may be larger by free pages and what does not fill one.
  std::uint64_t map_slack_bytes = 64UL << 20;
  std::uint64_t map_slack_divisor = 4;        // And bytes_max / this; 0: none.
  std::uint32_t congested_percent = 90;       // nearly_full() from here on.
  std::size_t layouts_max = 1'000;            // Those no batch needs go first.
  std::uint64_t layout_bytes_max = 16 << 20;  // The same, by bytes.
  std::size_t gap_streams_max = 256;          // In one tombstone.
  // Tombstones that may have been sent are not merged (their gaps would count twice)
  // until they take more than bytes_max / this.
  std::uint64_t tombstone_divisor = 16;
  // Disk kept in "<path>.reserve", for what is in memory when the agent ends on a full disk;
  // 0: none.
  std::uint64_t reserve_bytes = 0;
};

// One batch to be written, or (frame empty) positions alone.
struct SpoolWrite {
  std::uint64_t id = 0;  // Unique in this process; see Write.
  std::string frame;
  BatchSummary summary;
  std::vector<std::shared_ptr<const Layout>> layouts;  // Those frame uses.
  std::vector<Position> positions;                     // Covered by it and those before.
};

struct SpoolCounters {
  std::uint64_t appended = 0;
  std::uint64_t appended_bytes = 0;
  std::uint64_t removed = 0;               // Acknowledged.
  std::array<std::uint64_t, 3> dropped{};  // Rows, lines, spans that became gaps.
  std::uint64_t tombstones = 0;
  std::uint64_t damaged = 0;  // Batches that failed their checksum.
  std::uint64_t layouts_evicted = 0;
  std::uint64_t commits = 0;  // Two flushes of the disk each (data, then the meta page).
  std::uint64_t commit_failures = 0;
  std::uint64_t reopens = 0;
  std::uint64_t unreadable = 0;  // Files moved aside.
  std::uint64_t rebases = 0;

  void Add(const SpoolCounters& other);
};

struct SpoolStats {
  SpoolCounters counters;
  std::uint64_t batches = 0;  // Live, tombstones included.
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t epoch = 0;
};

class Spool final : public SpoolView, public PositionReader {
 public:
  // An unreadable file is moved to "<path>.bad-<unix s>" and a new spool made, whose
  // first batch says so; the error is only for a system that refuses even that.
  static Result<std::unique_ptr<Spool>> Open(const SpoolOptions& options, const Clock& clock);

  // Both before threads start. wake runs on any thread after something was queued; post
  // runs done calls where they belong (a loop); without it they run in Write.
  void OnQueued(std::function<void()> wake) { wake_ = std::move(wake); }
  void PostDoneWith(std::function<void(std::function<void()>)> post) { post_ = std::move(post); }

  // ---- the packer's thread

  // One transaction: what was queued below, then writes, numbered in order. Seqs of
  // writes (0 for one without a frame). On an error nothing of it is there and what was
  // queued stays queued; call again with the same ids (where the disk did keep what it
  // reported as failed, those are recognised and not written twice).
  Result<std::vector<std::uint64_t>> Write(std::span<const SpoolWrite> writes) OPS_EXCLUDES(mutex_);
  bool HasQueued() const OPS_EXCLUDES(mutex_);
  bool HasUrgent() const OPS_EXCLUDES(mutex_);  // Somebody waits for it.
  // Gives the reserve's disk back, before the last Write. False: there is none. The next
  // Open makes it again.
  bool FreeReserve();

  // ---- any thread

  std::uint64_t epoch() const override OPS_EXCLUDES(mutex_);
  std::string agent_id() const override OPS_EXCLUDES(mutex_);
  bool wants_epoch() const override OPS_EXCLUDES(mutex_);
  std::uint64_t next_seq() const override OPS_EXCLUDES(mutex_);
  std::vector<SeqRange> Ranges() const override OPS_EXCLUDES(mutex_);
  Totals totals() const override OPS_EXCLUDES(mutex_);
  Result<std::vector<SpooledBatch>> ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                             std::uint64_t* damaged) const override
      OPS_EXCLUDES(mutex_);
  Result<std::string> ReadLayout(const LayoutId& id) const override OPS_EXCLUDES(mutex_);
  std::optional<bool> HadHash(std::uint64_t seq, std::uint64_t hash) const override
      OPS_EXCLUDES(mutex_);
  Result<std::vector<Position>> ReadPositions(std::string_view prefix) const override
      OPS_EXCLUDES(mutex_);

  // Queued for the next Write. Numbers are those of the time of the call.
  void Remove(std::vector<SeqRange> acked) override OPS_EXCLUDES(mutex_);
  void Replace(std::uint64_t seq, std::string reason, Done done) override OPS_EXCLUDES(mutex_);
  void Rebase(RebaseOrder order, Done done) override OPS_EXCLUDES(mutex_);

  bool nearly_full() const { return nearly_full_.load(std::memory_order_relaxed); }
  SpoolStats stats() const OPS_EXCLUDES(mutex_);

 private:
  struct Attempt;
  Spool(const SpoolOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  void MakeReserve() const;
  Status OpenFile() OPS_EXCLUDES(mutex_);
  Status OpenOrReplace() OPS_EXCLUDES(mutex_);
  Status MoveAside(const Error& why) OPS_EXCLUDES(mutex_);
  Status Transact(Attempt& attempt, std::span<const SpoolWrite> writes) OPS_EXCLUDES(mutex_);
  Status Fill(SpoolTxn& txn, Attempt& attempt, std::span<const SpoolWrite> writes);
  void Succeeded(const SpoolTxn& txn, Attempt& attempt) OPS_EXCLUDES(mutex_);
  void Failed(const Error& why, Attempt& attempt) OPS_EXCLUDES(mutex_);
  void GiveUpQueued() OPS_EXCLUDES(mutex_);
  bool Freeze(std::uint64_t key) OPS_EXCLUDES(mutex_);
  void Tell(Done done, Status status);
  Result<SpooledBatch> ReadOne(const ReadTxn& txn, std::uint64_t key) const OPS_REQUIRES(mutex_);
  Result<ReadTxn> BeginRead() const OPS_REQUIRES(mutex_);

  const SpoolOptions options_;
  const Clock& clock_;
  std::function<void()> wake_;
  std::function<void(std::function<void()>)> post_;

  // The packer's thread.
  bool failed_ = false;  // The last transaction did.
  unsigned corrupt_in_a_row_ = 0;
  std::uint64_t cap_bytes_ = 0;  // bytes_max, or less since the map was found full.
  std::uint64_t carry_key_ = 0;  // The newest tombstone of this process with gaps in it.
  // A commit that failed may be on disk all the same: its next_key, and the keys of its
  // writes. Once the file was read again, those that are there.
  std::uint64_t unsure_next_key_ = 0;
  std::map<std::uint64_t, std::uint64_t> unsure_;  // Id to key.
  std::map<std::uint64_t, std::uint64_t> landed_;

  mutable Mutex mutex_;
  // Readers hold the lock, so that the file is not closed under them; the packer's
  // thread, which alone closes it, does not while it waits for the disk.
  std::unique_ptr<Env> env_ OPS_GUARDED_BY(mutex_);
  SpoolTables tables_ OPS_GUARDED_BY(mutex_);
  SpoolState state_ OPS_GUARDED_BY(mutex_);
  // Keys given to readers, or that may have been before this process.
  mutable RangeSet handed_ OPS_GUARDED_BY(mutex_);
  RangeSet frozen_ OPS_GUARDED_BY(mutex_);  // Being dropped unsent: not to be given out.
  SpoolQueue queued_ OPS_GUARDED_BY(mutex_);
  SpoolCounters counters_ OPS_GUARDED_BY(mutex_);
  std::atomic<bool> nearly_full_{false};
};

}  // namespace opssight
