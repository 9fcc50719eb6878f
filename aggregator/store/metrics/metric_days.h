// MetricDays is the disk half of MetricsStore: a day environment m-YYYYMMDD.mdb for
// each UTC day (DayFiles) whose one table holds, under keys (cut, number), the list of
// a cut's blocks, its new series, and the blocks. A day's index of series is built in
// memory from the series when the day is first asked for; of days not being written,
// the least recently used go when all take more than index_bytes_max.
//
// Any thread, except Flush and Retain (flusher). A day is loaded once at a time; others
// who want one meanwhile wait (1 s for about 2 M series).
// What fails its checksum is left out and counted, and stops nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aggregator/store/days/day_files.h"
#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/metric_block.h"
#include "aggregator/store/metrics/metrics_head.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/metrics/tombstones.h"
#include "common/base/mutex.h"

namespace opssight {

struct MetricDaysOptions {
  DayFilesOptions files;
  std::size_t block_bytes = 128UL << 10;      // A block is closed from here on.
  std::size_t index_bytes_max = 256UL << 20;  // Memory for indexes of days.
  std::size_t exemplars_max = 1'000'000;      // Of one day.
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

  SeriesIndex& index() { return index_; }
  const SeriesIndex& index() const { return index_; }
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

  using Exemplars = std::vector<StoredExemplarPiece>;
  Exemplars exemplars() const;
  void AddExemplars(const StoredExemplarPiece& piece);
  // Adds pieces of a cut, in place of any it had.
  void SetExemplars(WalPosition cut, const Exemplars& pieces);

 private:
  friend class MetricDays;
  SeriesIndex index_;
  std::atomic<bool> cleaned_{false};
  std::size_t logged_ = 0;  // Series that are in the day's file. Flusher.
  mutable Mutex mutex_;
  std::shared_ptr<const Blocks> blocks_ OPS_GUARDED_BY(mutex_) = std::make_shared<const Blocks>();
  Exemplars exemplars_ OPS_GUARDED_BY(mutex_);
};

// Those of exemplars (of index) in [from_ms, to_ms] whose ids are in ids (ascending).
Status AddExemplars(const SeriesIndex& index, std::span<const SeriesId> ids,
                    std::span<const StoredExemplar> exemplars, std::int64_t from_ms,
                    std::int64_t to_ms, const QueryLimits& limits, ExemplarAnswer& out);

class MetricDays {
 public:
  explicit MetricDays(MetricDaysOptions options)
      : options_(std::move(options)), files_(options_.files) {}

  Status Recover(WalPosition flushed) { return files_.Recover(flushed); }
  // Writes the head's rows into their days. Repeating a cut changes nothing.
  Status Flush(WalPosition cut, const MetricsHead& head) OPS_EXCLUDES(write_mutex_);
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max);

  // Days that overlap [from_ms, to_ms], ascending.
  std::vector<DayNumber> DaysIn(std::int64_t from_ms, std::int64_t to_ms) const;
  // Null: there is no such day (any more).
  Result<std::shared_ptr<MetricDay>> Load(DayNumber day);
  // Adds what the day's blocks up to cut `published` have of the series that match.
  Status Select(DayNumber day, const std::vector<Matcher>& matchers, WalPosition published,
                const TombstoneList& tombstones, Gather& out);
  // Ids that match and of which something is left (by blocks: rather too many).
  Result<std::vector<SeriesId>> SelectIds(const MetricDay& day,
                                          const std::vector<Matcher>& matchers,
                                          WalPosition published,
                                          const TombstoneList& tombstones) const;

  // Takes what the tombstones hide out of the blocks, and its bytes out of the files.
  // Beside queries; not beside Flush, which waits. Doing it again changes nothing.
  Status Clean(const TombstoneList& tombstones) OPS_EXCLUDES(write_mutex_);
  // All days as of now in dir: second names of the days before copy_from, copies of the rest.
  Status SnapshotInto(const std::string& dir, DayNumber copy_from) OPS_EXCLUDES(write_mutex_);

  // Adds the exemplars of the day up to cut `published`. kExhausted: more than most.
  Status SelectExemplars(DayNumber day, const std::vector<Matcher>& matchers, std::int64_t from_ms,
                         std::int64_t to_ms, WalPosition published, const QueryLimits& limits,
                         ExemplarAnswer& out);

  std::uint64_t dropped_exemplars() const { return dropped_.load(std::memory_order_relaxed); }
  std::uint64_t disk_bytes() const { return files_.disk_bytes(); }
  std::uint64_t index_bytes() const;
  std::uint64_t corrupt_blocks() const { return corrupt_.load(std::memory_order_relaxed); }
  std::uint64_t bad_days() const { return files_.bad_days(); }

 private:
  struct Loaded {
    std::shared_ptr<MetricDay> day;
    std::uint64_t used = 0;
  };

  Result<std::shared_ptr<MetricDay>> Read(Env& env, WalPosition valid_up_to);
  Status ReadEntries(Env& env, WalPosition valid_up_to, MetricDay& day);
  Result<MetricDay::Blocks> BlocksOf(ReadTxn& txn, Table table, WalPosition cut,
                                     StoredMetricBlock::Kind kind, std::string_view list,
                                     const std::string& path);
  static Result<MetricDay::Blocks> ScanBlocks(Cursor& cursor, WalPosition cut,
                                              StoredMetricBlock::Kind kind);
  void Evict() OPS_REQUIRES(mutex_);
  void LeaveOut(const std::string& path, const Error& why);
  static Status ReadGroups(std::string_view bytes, StoredMetricBlock& block, GroupReader& reader,
                           Gather& out);

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
  Mutex write_mutex_;    // Held while files are written, for as long as it takes. Before mutex_.
  mutable Mutex mutex_;  // Held while a day is loaded.
  std::map<DayNumber, Loaded> loaded_ OPS_GUARDED_BY(mutex_);
  std::optional<DayNumber> writing_ OPS_GUARDED_BY(mutex_);  // Not evicted.
  std::uint64_t uses_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
