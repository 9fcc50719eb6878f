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
#include <string>
#include <vector>

#include "aggregator/store/days/day_files.h"
#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/metric_block.h"
#include "aggregator/store/metrics/metrics_head.h"
#include "aggregator/store/metrics/series_index.h"
#include "common/base/mutex.h"

namespace opssight {

struct MetricDaysOptions {
  DayFilesOptions files;
  std::size_t block_bytes = 128UL << 10;      // A block is closed from here on.
  std::size_t index_bytes_max = 256UL << 20;  // Memory for indexes of days.
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

 private:
  friend class MetricDays;
  SeriesIndex index_;
  std::size_t logged_ = 0;  // Series that are in the day's file. Flusher.
  mutable Mutex mutex_;
  std::shared_ptr<const Blocks> blocks_ OPS_GUARDED_BY(mutex_) = std::make_shared<const Blocks>();
};

class MetricDays {
 public:
  explicit MetricDays(MetricDaysOptions options)
      : options_(std::move(options)), files_(options_.files) {}

  Status Recover(WalPosition flushed) { return files_.Recover(flushed); }
  // Writes the head's rows into their days. Repeating a cut changes nothing.
  Status Flush(WalPosition cut, const MetricsHead& head);
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max);

  // Days that overlap [from_ms, to_ms], ascending.
  std::vector<DayNumber> DaysIn(std::int64_t from_ms, std::int64_t to_ms) const;
  // Null: there is no such day (any more).
  Result<std::shared_ptr<MetricDay>> Load(DayNumber day);
  // Adds what the day's blocks up to cut `published` have of the series that match.
  Status Select(DayNumber day, const std::vector<Matcher>& matchers, WalPosition published,
                Gather& out);

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

  Status FlushDay(DayNumber number, WalPosition cut, const MetricsHead& head,
                  const struct FrozenTargets& targets);
  Result<std::vector<BlockSummary>> FlushHistograms(
      DayNumber number, WalPosition cut,
      const std::vector<const struct FrozenHistograms*>& histograms,
      const std::vector<SeriesId>& ids);
  Status LogSeries(DayNumber number, WalPosition cut, MetricDay& day);

  const MetricDaysOptions options_;
  DayFiles files_;
  std::atomic<std::uint64_t> corrupt_{0};
  mutable Mutex mutex_;  // Held while a day is loaded.
  std::map<DayNumber, Loaded> loaded_ OPS_GUARDED_BY(mutex_);
  std::optional<DayNumber> writing_ OPS_GUARDED_BY(mutex_);  // Not evicted.
  std::uint64_t uses_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
