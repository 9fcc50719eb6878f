// MetricsStore is the metrics' part of the store: a head of targets in memory
// (metrics_head.h) and a day environment m-YYYYMMDD.mdb for each UTC day
// (metric_days.h). A row goes to the day of its own time, in any order; of two values of
// a series at one time the one written last stays.
//
// Threads: as SignalStore says; queries on any thread. A query takes pointers under
// locks held for microseconds and reads what they point to, which does not change.
// Rows of a layout that is not known are counted and lost; so are rows with a time
// before 1970 or above the batch's newest (BatchOrigin) and rows that do not fit their layout.
// Cost: about 10 ns a sample to apply, 15 to flush (README.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/query/exemplars.h"
#include "aggregator/query/source.h"
#include "aggregator/store/metrics/gather.h"
#include "aggregator/store/metrics/metadata_book.h"
#include "aggregator/store/metrics/metric_days.h"
#include "aggregator/store/metrics/metrics_head.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"

namespace opssight {

struct MetricsOptions {
  std::string dir;
  std::size_t block_bytes = 128UL << 10;          // Of one block in a day's file, about.
  std::size_t transaction_bytes_max = 4UL << 20;  // Of a flush.
  std::size_t map_bytes = 64UL << 30;             // Of one day.
  std::size_t day_index_bytes_max = 256UL << 20;  // Memory for indexes of days.
  // A selection over days does not hold an index of so much while it is read.
  std::size_t day_index_large_bytes = 16UL << 20;
  // What one source or one metric may bring; 0: no limit. A target above its limit is
  // refused row by row, of a metric above its limit new series are; both are counted.
  std::size_t series_per_target_max = 200'000;
  std::size_t series_per_metric_max = 1'000'000;  // In the head, about an hour's.
  std::uint64_t head_rows_ripe = 120;         // Samples a series, on average: half an hour at 15 s.
  std::size_t exemplars_head_max = 100'000;   // Between two flushes.
  std::size_t exemplars_day_max = 1'000'000;  // Of one day on disk.
  std::size_t metadata_max = 100'000;         // Metric families with metadata.
  std::size_t metadata_bytes_max = MetadataLimits().bytes_max;
  std::shared_ptr<GuardedEnv> meta;  // For metadata. Null: in memory only.
  std::vector<MetricRule> rules;     // Series that go before their days do.
  // What cleaning and snapshots may fill of the disk now. Empty: all of it.
  std::function<std::uint64_t()> spare_bytes;
  std::function<void(SealPoint)> at;  // Tests only.
};

struct SamplePlaces {
  std::map<DayNumber, DayCuts> written;  // Days with a file.
  // What no flush wrote yet is within these: first and last ms, apart, ascending.
  std::vector<std::pair<std::int64_t, std::int64_t>> unflushed;

  bool IsUnflushed(DayNumber day) const;  // Some of it may be of the day.
};

class MetricsStore final : public SignalStore, public SeriesSource, public TsdbStats {
 public:
  // layouts outlives the store.
  MetricsStore(MetricsOptions options, const LayoutLookup& layouts);

  Result<WalPosition> NewestCut() override { return days_.NewestCut(); }
  std::vector<SignalLoss> TakeLosses() override { return days_.TakeLosses(); }
  Status Recover(WalPosition flushed) override;
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override;
  void Freeze(WalPosition cut) override;
  Status Flush(WalPosition cut) override;
  void Publish(WalPosition cut) override;
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override;
  Result<bool> SealDue(const SealTurn& turn) override;
  std::uint64_t disk_bytes() const override { return days_.disk_bytes(); }
  std::uint64_t head_bytes() const override;
  bool head_ripe() const override;

  // To be done on each day once it is sealed, in this order. Before Recover; jobs outlive
  // the store.
  void AddDayJob(DayJob& job) { jobs_.push_back(&job); }
  // The days on disk, ascending; any thread, some system calls a day.
  std::vector<MetricDayInfo> Days() const { return days_.Infos(); }
  // Where samples of [from_ms, to_ms] may be, without reading any; any thread.
  SamplePlaces PlacesOf(std::int64_t from_ms, std::int64_t to_ms) const;

  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override;
  // Hides what is stored now of the matching series in [from_ms, to_ms]; durable when it
  // returns well (with meta). What is in the heads is not: flush first (metrics_admin.h).
  // kExhausted: too many wait to be cleaned.
  Status AddTombstone(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                      std::int64_t to_ms);
  // Takes what tombstones hide out of the files, and then the tombstones away.
  Status CleanTombstones();
  std::uint64_t tombstones() const { return tombstones_.size(); }
  // The days as they are in dir, which there is: days before today as second names of the
  // files (copied when one is written again), the rest as copies. meta.mdb too.
  Status SnapshotInto(const std::string& dir, std::int64_t now_ms);

  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                           std::int64_t from_ms, std::int64_t to_ms,
                                           const QueryLimits& limits) const override;
  Result<std::unique_ptr<SeriesPortions>> SelectPortions(const std::vector<Matcher>& matchers,
                                                         std::int64_t from_ms, std::int64_t to_ms,
                                                         const QueryLimits& limits,
                                                         SeriesLabels labels) const override;
  Result<std::set<std::string>> SelectStrings(std::string_view name,
                                              const std::vector<Matcher>& matchers,
                                              std::int64_t from_ms, std::int64_t to_ms,
                                              const QueryLimits& limits) const override;

  // Of the head; frozen rows count as chunks and times.
  TsdbStatistics Statistics(std::size_t top) const override;
  // The same head and days. Live as long as the store.
  const ExemplarSource& exemplars() const { return exemplar_source_; }
  const MetadataSource& metadata() const { return metadata_; }

  std::uint64_t exemplars_applied() const { return exemplars_.load(std::memory_order_relaxed); }
  std::uint64_t dropped_exemplars() const {  // Above exemplars_head_max or exemplars_day_max.
    return dropped_exemplars_.load(std::memory_order_relaxed) + days_.dropped_exemplars();
  }
  std::uint64_t metadata_families() const { return metadata_.size(); }
  std::uint64_t dropped_metadata() const { return metadata_.dropped(); }
  std::uint64_t metadata_write_errors() const { return metadata_.write_errors(); }
  std::uint64_t samples_applied() const { return samples_.load(std::memory_order_relaxed); }
  std::uint64_t histograms_applied() const { return histograms_.load(std::memory_order_relaxed); }
  // Samples and histograms above series_per_target_max or series_per_metric_max.
  std::uint64_t limited_samples() const { return limited_.load(std::memory_order_relaxed); }
  std::uint64_t unknown_layout_rows() const { return unknown_.load(std::memory_order_relaxed); }
  std::uint64_t refused_rows() const { return refused_.load(std::memory_order_relaxed); }
  std::uint64_t refused_records() const override { return refused_rows(); }
  std::uint64_t corrupt_blocks() const { return days_.corrupt_blocks(); }
  std::uint64_t bad_days() const { return days_.bad_days(); }
  std::uint64_t merged_days() const { return days_.merged_days(); }
  std::uint64_t unmerged_days() const { return days_.unmerged_days(); }
  std::uint64_t expired_series() const { return days_.expired_series(); }
  std::uint64_t head_series() const;  // That had a row since the last freeze or the one before.
  std::uint64_t day_index_bytes() const { return days_.index_bytes(); }

 private:
  using HeadPtr = std::shared_ptr<const MetricsHead>;
  struct Snapshot {
    HeadPtr head;
    HeadPtr frozen;  // May be null.
    WalPosition published = 0;
  };
  void AppendRows(const MetricRowsView& rows, const Layout* layout, std::size_t first,
                  std::size_t count) OPS_REQUIRES(apply_mutex_);
  void CountLimited(std::uint64_t samples, std::string_view limit);
  void ApplyRows(const BatchOrigin& origin, const MetricRowsView& rows) OPS_REQUIRES(apply_mutex_);
  void ApplyExemplars(const BatchOrigin& origin, const std::vector<Exemplar>& exemplars)
      OPS_REQUIRES(apply_mutex_);
  void ApplyHistograms(const BatchOrigin& origin, const std::vector<HistogramRow>& rows)
      OPS_REQUIRES(apply_mutex_);
  void Refuse(const LayoutId& layout, std::size_t rows, std::string_view why);
  Snapshot Take() const;
  // Days and heads that may have something, by age.
  Result<SelectedParts> PartsOf(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                std::int64_t to_ms) const;
  // Calls see with each index of the days' and the heads', and its series that match.
  using SeeIds = std::function<Status(const SeriesIndex& index, std::vector<SeriesId> ids)>;
  Status EachIndex(const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms,
                   const QueryLimits& limits, const SeeIds& see) const;

  class Exemplars final : public ExemplarSource {
   public:
    explicit Exemplars(const MetricsStore& store) : store_(store) {}
    Result<std::vector<SeriesExemplars>> Select(const std::vector<Matcher>& matchers,
                                                std::int64_t from_ms, std::int64_t to_ms,
                                                const QueryLimits& limits) const override;

   private:
    const MetricsStore& store_;
  };

  const LayoutLookup& layouts_;
  const std::size_t series_per_target_max_;
  const std::size_t exemplars_head_max_;
  const std::uint64_t head_rows_ripe_;
  const std::shared_ptr<GuardedEnv> meta_;
  std::vector<DayJob*> jobs_;
  const Exemplars exemplar_source_{*this};
  MetadataBook metadata_;
  Tombstones tombstones_;
  std::atomic<std::uint64_t> exemplars_{0};
  std::atomic<std::uint64_t> dropped_exemplars_{0};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> histograms_{0};
  std::atomic<std::uint64_t> limited_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> refused_{0};
  mutable MetricDays days_;
  Mutex apply_mutex_;  // Before mutex_.
  HeadWriter writer_ OPS_GUARDED_BY(apply_mutex_);
  mutable Mutex mutex_;
  HeadPtr head_ OPS_GUARDED_BY(mutex_);
  HeadPtr frozen_ OPS_GUARDED_BY(mutex_);
  WalPosition published_ OPS_GUARDED_BY(mutex_) = 0;
  std::uint64_t series_before_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
