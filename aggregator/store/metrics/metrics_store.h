// MetricsStore is the metrics' part of the store: a head of targets in memory
// (metrics_head.h) and a day environment m-YYYYMMDD.mdb for each UTC day
// (metric_days.h). A row goes to the day of its own time, in any order; of two values of
// a series at one time the one written last stays.
//
// Threads: as SignalStore says; queries on any thread. A query takes pointers under
// locks held for microseconds and reads what they point to, which does not change.
// Rows of a layout that is not known are counted and lost; so are rows with a time
// before 1970 or after 9999 and rows that do not fit their layout.
// Cost: about 10 ns a sample to apply, 15 to flush (README.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/metrics/gather.h"
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
};

class MetricsStore final : public SignalStore, public SeriesSource {
 public:
  // layouts outlives the store.
  MetricsStore(MetricsOptions options, const LayoutLookup& layouts);

  Status Recover(WalPosition flushed) override;
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override;
  void Freeze(WalPosition cut) override;
  Status Flush(WalPosition cut) override;
  void Publish(WalPosition cut) override;
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override;
  std::uint64_t disk_bytes() const override { return days_.disk_bytes(); }
  std::uint64_t head_bytes() const override;

  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override;
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                           std::int64_t from_ms, std::int64_t to_ms,
                                           const QueryLimits& limits) const override;

  std::uint64_t samples_applied() const { return samples_.load(std::memory_order_relaxed); }
  std::uint64_t histograms_applied() const { return histograms_.load(std::memory_order_relaxed); }
  std::uint64_t unknown_layout_rows() const { return unknown_.load(std::memory_order_relaxed); }
  std::uint64_t refused_rows() const { return refused_.load(std::memory_order_relaxed); }
  std::uint64_t corrupt_blocks() const { return days_.corrupt_blocks(); }
  std::uint64_t bad_days() const { return days_.bad_days(); }
  std::uint64_t head_series() const;  // That had a row since the last freeze or the one before.
  std::uint64_t day_index_bytes() const { return days_.index_bytes(); }

 private:
  using HeadPtr = std::shared_ptr<const MetricsHead>;
  struct Snapshot {
    HeadPtr head;
    HeadPtr frozen;  // May be null.
    WalPosition published = 0;
  };
  void ApplyRows(const MetricRowsView& rows) OPS_REQUIRES(apply_mutex_);
  void ApplyHistograms(const std::vector<HistogramRow>& rows) OPS_REQUIRES(apply_mutex_);
  void Refuse(const LayoutId& layout, std::size_t rows, std::string_view why);
  Snapshot Take() const;
  Status Fill(const Snapshot& snapshot, const std::vector<Matcher>& matchers, Gather& out) const;
  static Status SelectHistograms(const HistogramHead& head, Gather& out);
  static Status SelectHead(const HeadPtr& head, const std::vector<Matcher>& matchers, Gather& out);

  const LayoutLookup& layouts_;
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> histograms_{0};
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
