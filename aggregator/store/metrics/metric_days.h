// MetricDays is the disk half of MetricsStore: a day environment m-YYYYMMDD.mdb for
// each UTC day (DayFiles) whose one table holds, under keys (cut, number), the list of
// a cut's blocks, its new series, and the blocks. A day's index of series is built in
// memory from the series when the day is first asked for; of days not being written,
// the least recently used go when all take more than index_bytes_max, and
// those that nobody used for four flushes (about two hours).
//
// Any thread, except Flush and Retain (flusher). A day is loaded once at a time; others
// who want one meanwhile wait (1 s for about 2 M series).
// What fails its checksum is left out and counted, and stops nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aggregator/store/days/day_files.h"
#include "aggregator/store/metrics/block_queue.h"
#include "aggregator/store/metrics/day_job.h"
#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/metric_block.h"
#include "aggregator/store/metrics/metrics_head.h"
#include "aggregator/store/metrics/seal_record.h"
#include "aggregator/store/metrics/selection.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/metrics/tombstones.h"
#include "aggregator/store/seal_policy.h"
#include "common/base/mutex.h"

namespace opssight {

// Series that match go before the day does: once the day is over by keep_ms.
struct MetricRule {
  std::uint64_t id = 0;  // Of what it says: a day remembers by it that it was applied.
  std::vector<Matcher> matchers;
  std::int64_t keep_ms = 0;
};

// Where sealing is, for tests that crash it there.
enum class SealPoint : std::uint8_t { kMerged, kInPlace, kJobRun };

struct MetricDaysOptions {
  DayFilesOptions files;
  std::size_t block_bytes = 128UL << 10;       // A block is closed from here on.
  std::size_t index_bytes_max = 256UL << 20;   // Memory for indexes of days.
  std::size_t index_large_bytes = 16UL << 20;  // From here on a long selection lets it go.
  std::size_t exemplars_max = 1'000'000;       // Of one day.
  std::vector<MetricRule> rules;
  // What cleaning and snapshots may fill of the disk now. Empty: all of it.
  std::function<std::uint64_t()> spare_bytes;
  std::function<void(SealPoint)> at;  // Tests only.
};

struct StoredMetricBlock {
  enum class Kind : std::uint8_t { kFloats, kHistograms };
  StoredMetricBlock(WalPosition cut_in, Kind kind_in, BlockSummary summary_in)
      : cut(cut_in), kind(kind_in), summary(std::move(summary_in)) {}
  std::uint32_t key_number() const;
  const WalPosition cut;
  const Kind kind;
  const BlockSummary summary;
  std::atomic<bool> verified{false};  // Its checksum held once in this process.
};

struct StoredExemplarPiece {
  WalPosition cut = 0;
  std::uint32_t number = 0;  // Of its key.
  ExemplarPiece piece;
};

// A day whose index is in memory.
class MetricDay {
 public:
  using Blocks = std::vector<std::shared_ptr<StoredMetricBlock>>;

  MetricDay() : index_(std::make_shared<SeriesIndex>()) {}
  // With the index of another, which is of the same file or of one that took its place.
  explicit MetricDay(std::shared_ptr<SeriesIndex> index) : index_(std::move(index)) {}

  SeriesIndex& index() { return *index_; }
  const SeriesIndex& index() const { return *index_; }
  std::shared_ptr<const Blocks> blocks() const;
  // Adds the blocks of a cut, in place of any it had.
  void SetBlocks(WalPosition cut, Blocks blocks);
  // Adds blocks of the newest cut beside those it has.
  void AddBlocks(Blocks blocks);
  // In place of all of them; by cut.
  void ReplaceBlocks(Blocks blocks);
  // Whether series of the index may be without blocks: some were deleted.
  bool cleaned() const { return cleaned_.load(std::memory_order_relaxed); }
  void MarkCleaned() { cleaned_ = true; }
  // Parts of the file cannot be read; series of other parts may have any ids: nothing can be
  // added to it.
  bool broken() const { return broken_; }
  // Blocks up to this cut are merged ones: they may hold what was written after a query
  // began, and are seen all the same, since nothing else has what is in them.
  WalPosition merged() const { return merged_; }

  using Exemplars = std::vector<StoredExemplarPiece>;
  Exemplars exemplars() const;
  void AddExemplars(const StoredExemplarPiece& piece);
  // Adds pieces of a cut, in place of any it had.
  void SetExemplars(WalPosition cut, const Exemplars& pieces);

 private:
  friend class MetricDays;
  const std::shared_ptr<SeriesIndex> index_;
  std::atomic<bool> cleaned_{false};
  WalPosition merged_ = 0;  // Set before others see the day.
  bool left_out_ = false;   // So is this: something in the file could not be read.
  bool broken_ = false;     // So is this.
  std::size_t logged_ = 0;  // Series that are in the day's file. Flusher.
  mutable Mutex mutex_;
  std::shared_ptr<const Blocks> blocks_ OPS_GUARDED_BY(mutex_) = std::make_shared<const Blocks>();
  Exemplars exemplars_ OPS_GUARDED_BY(mutex_);
};

// Those of exemplars (of index) in [from_ms, to_ms] whose ids are in ids (ascending).
Status AddExemplars(const SeriesIndex& index, std::span<const SeriesId> ids,
                    std::span<const StoredExemplar> exemplars, std::int64_t from_ms,
                    std::int64_t to_ms, const QueryLimits& limits, ExemplarAnswer& out);

// What is known of a day without reading it.
struct MetricDayInfo {
  DayNumber day = 0;
  std::uint64_t bytes = 0;  // On disk.
  WalPosition written = 0;  // The newest cut that wrote into it.
  SealRecord seal;          // All 0 where it was never sealed.
};

// The cuts that wrote into a day's file: the first tells it from one that was there before.
struct DayCuts {
  WalPosition first = 0;
  WalPosition newest = 0;
};

// What sealing needs beside the day. References are valid during the call.
struct SealWork {
  const SealTurn& turn;
  WalPosition published = 0;  // Taken before tombstones.
  const TombstoneList& tombstones;
  const std::vector<DayJob*>& jobs;
};

class MetricDays {
 public:
  explicit MetricDays(MetricDaysOptions options)
      : options_(std::move(options)), files_(options_.files) {}

  Result<WalPosition> NewestCut() const { return files_.NewestCut(); }
  std::vector<SignalLoss> TakeLosses() { return files_.TakeLosses(); }
  Status Recover(WalPosition flushed) OPS_EXCLUDES(mutex_);
  // Writes the head's rows into their days. Repeating a cut changes nothing.
  Status Flush(WalPosition cut, const MetricsHead& head) OPS_EXCLUDES(write_mutex_);
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max)
      OPS_EXCLUDES(write_mutex_, mutex_);

  // Days that overlap [from_ms, to_ms], ascending.
  std::vector<DayNumber> DaysIn(std::int64_t from_ms, std::int64_t to_ms) const;
  // Null: there is no such day (any more).
  Result<std::shared_ptr<MetricDay>> Load(DayNumber day);
  // What the day's blocks up to cut `published` have of the series that match. Null: nothing.
  // Lives no longer than this.
  Result<std::unique_ptr<SelectedPart>> Select(DayNumber day, const std::vector<Matcher>& matchers,
                                               std::int64_t from_ms, std::int64_t to_ms,
                                               WalPosition published,
                                               const TombstoneList& tombstones);
  // Ids that match and of which something is left (by blocks: rather too many).
  Result<std::vector<SeriesId>> SelectIds(const MetricDay& day,
                                          const std::vector<Matcher>& matchers,
                                          WalPosition published,
                                          const TombstoneList& tombstones) const;

  // Takes what the tombstones hide out of the blocks, and its bytes out of the files.
  // Beside queries; a flush waits for one day at most. Doing it again changes nothing.
  // An error is of one day: the others are clean. kExhausted: there is no room to write it anew.
  Status Clean(const TombstoneList& tombstones) OPS_EXCLUDES(write_mutex_);
  // All days as of now in dir: second names of the days before copy_from, copies of the rest.
  Status SnapshotInto(const std::string& dir, DayNumber copy_from) OPS_EXCLUDES(write_mutex_);

  // Seals the oldest day that is due: merges its blocks, then does the jobs that were not
  // done on it. False: none is. Beside queries, Flush, Clean and Retain; one at a time.
  Result<bool> SealDue(const SealWork& work) OPS_EXCLUDES(write_mutex_, mutex_);
  std::vector<MetricDayInfo> Infos() const OPS_EXCLUDES(mutex_);  // Ascending.
  // The days that overlap [from_ms, to_ms].
  std::map<DayNumber, DayCuts> Written(std::int64_t from_ms, std::int64_t to_ms) const
      OPS_EXCLUDES(mutex_);

  // Adds to out what the block's bytes have of its series. kCorrupt: they are damaged.
  static Status ReadGroups(std::string_view bytes, StoredMetricBlock& block, GroupReader& reader,
                           Gather& out);

  // Adds the exemplars of the day up to cut `published`. kExhausted: more than most.
  Status SelectExemplars(DayNumber day, const std::vector<Matcher>& matchers, std::int64_t from_ms,
                         std::int64_t to_ms, WalPosition published, const QueryLimits& limits,
                         ExemplarAnswer& out);

  std::uint64_t dropped_exemplars() const { return dropped_.load(std::memory_order_relaxed); }
  std::uint64_t disk_bytes() const { return files_.disk_bytes(); }
  std::uint64_t index_bytes() const;
  std::uint64_t corrupt_blocks() const { return corrupt_.load(std::memory_order_relaxed); }
  std::uint64_t bad_days() const { return files_.bad_days(); }
  std::uint64_t merged_days() const { return merged_days_.load(std::memory_order_relaxed); }
  // Not merged, since parts of them are damaged.
  std::uint64_t unmerged_days() const { return unmerged_days_.load(std::memory_order_relaxed); }
  // Taken out of days by rules; once a day.
  std::uint64_t expired_series() const { return expired_.load(std::memory_order_relaxed); }

 private:
  struct Loaded {
    std::shared_ptr<MetricDay> day;
    std::uint64_t used = 0;
  };

  class Part;  // Of a selection.

  void ForgetMoved() OPS_EXCLUDES(mutex_);
  Result<std::shared_ptr<MetricDay>> Read(Env& env, WalPosition valid_up_to);
  void Break(const std::string& path, const Error& why, MetricDay& day);
  Status ReadEntries(Env& env, WalPosition valid_up_to, MetricDay& day);
  Result<MetricDay::Blocks> BlocksOf(ReadTxn& txn, Table table, WalPosition cut,
                                     StoredMetricBlock::Kind kind, std::string_view list,
                                     const std::string& path);
  static Result<MetricDay::Blocks> ScanBlocks(Cursor& cursor, WalPosition cut,
                                              StoredMetricBlock::Kind kind);
  void Evict() OPS_REQUIRES(mutex_);
  void EvictUnused() OPS_REQUIRES(mutex_);
  void LeaveOut(const std::string& path, const Error& why);

  // A day and the file it was read from, which fit each other. Both null: there is none.
  struct Taken {
    std::shared_ptr<MetricDay> day;
    std::shared_ptr<Env> env;
  };
  Result<Taken> Take(DayNumber day) OPS_EXCLUDES(mutex_);
  Result<std::shared_ptr<MetricDay>> LoadLocked(DayNumber day) OPS_REQUIRES(mutex_);
  void NoteWritten(DayNumber day, WalPosition cut) OPS_EXCLUDES(mutex_);

  // metric_seal.cc
  struct Merging;
  struct DayState;
  std::vector<SealState> SealStates(const SealWork& work) const OPS_EXCLUDES(mutex_);
  bool HasNewRule(DayNumber number, const DayState& state, std::int64_t now_ms) const;
  Result<bool> NeedsMerge(DayNumber number, const DayState& state, WalPosition cut,
                          std::int64_t now_ms) OPS_EXCLUDES(mutex_);
  std::vector<SeriesId> ExpiredIn(const MetricDay& day, DayNumber number,
                                  std::int64_t now_ms) const;
  void NoteRules(DayNumber number, std::int64_t now_ms, SealRecord& record) const;
  Status SealDay(DayNumber number, const SealWork& work) OPS_EXCLUDES(write_mutex_, mutex_);
  Status Merge(DayNumber number, WalPosition cut, const SealWork& work)
      OPS_EXCLUDES(write_mutex_, mutex_);
  Status WriteMerged(Merging& merging, const SealWork& work);
  Status WriteEnd(Merging& merging, const std::vector<BlockSummary>& floats,
                  const std::vector<BlockSummary>& histograms);
  static std::shared_ptr<MetricDay> Merged(const MetricDay& old, const Merging& merging);
  Status LeaveUnmerged(DayNumber number, WalPosition cut) OPS_EXCLUDES(mutex_);
  Status CheckRoom(DayNumber number, std::uint64_t spare_bytes) const;
  std::uint64_t SpareBytes() const {
    return options_.spare_bytes ? options_.spare_bytes() : UINT64_MAX;
  }
  void At(SealPoint point) const {
    if (options_.at) options_.at(point);
  }
  Status PutInPlace(Merging& merging) OPS_EXCLUDES(write_mutex_, mutex_);
  Status DoJob(DayNumber number, WalPosition cut, DayJob& job, const SealWork& work)
      OPS_EXCLUDES(write_mutex_, mutex_);
  Status NoteSeal(DayNumber number, const std::function<void(SealRecord&)>& change)
      OPS_EXCLUDES(write_mutex_, mutex_);
  BlockQueue QueueTo(DayNumber number, WalPosition cut, std::uint32_t first_number);

  Status WriteCleaned(DayNumber number, MetricDay& day, MetricDay::Blocks blocks,
                      const std::set<std::pair<WalPosition, StoredMetricBlock::Kind>>& changed)
      OPS_REQUIRES(write_mutex_);
  Status CleanDay(DayNumber number, const TombstoneList& tombstones) OPS_REQUIRES(write_mutex_);
  Status FlushDay(DayNumber number, WalPosition cut, const MetricsHead& head,
                  const struct FrozenTargets& targets);
  Result<std::vector<BlockSummary>> FlushHistograms(
      DayNumber number, WalPosition cut,
      const std::vector<const struct FrozenHistograms*>& histograms,
      const std::vector<SeriesId>& ids);
  Result<MetricDay::Exemplars> FlushExemplars(DayNumber number, WalPosition cut,
                                              const MetricDay& day,
                                              std::span<const StoredExemplar> exemplars);
  Status LogSeries(DayNumber number, WalPosition cut, MetricDay& day);

  const MetricDaysOptions options_;
  DayFiles files_;
  std::atomic<std::uint64_t> corrupt_{0};
  std::atomic<std::uint64_t> dropped_{0};  // Exemplars above exemplars_max.
  std::atomic<std::uint64_t> merged_days_{0};
  std::atomic<std::uint64_t> unmerged_days_{0};
  std::atomic<std::uint64_t> expired_{0};
  std::map<DayNumber, std::uint64_t> cleans_ OPS_GUARDED_BY(write_mutex_);  // Of each day.
  Mutex write_mutex_;    // Held while files are written, for as long as it takes. Before mutex_.
  mutable Mutex mutex_;  // Held while a day is loaded.
  std::map<DayNumber, Loaded> loaded_ OPS_GUARDED_BY(mutex_);
  std::optional<DayNumber> writing_ OPS_GUARDED_BY(mutex_);  // Not evicted.
  std::uint64_t uses_ OPS_GUARDED_BY(mutex_) = 0;
  std::array<std::uint64_t, 4> uses_at_flush_ OPS_GUARDED_BY(mutex_) = {};  // The last ones.
  struct DayState {
    WalPosition first = 0;  // Cuts: the first in the file, the newest.
    WalPosition written = 0;
    SealRecord seal;
    std::int64_t failed_ms = 0;   // When sealing failed. 0: it did not.
    WalPosition unmergeable = 0;  // Damaged when it was tried up to this cut.
  };
  std::map<DayNumber, DayState> states_ OPS_GUARDED_BY(mutex_);  // Of all days.
};

}  // namespace opssight
