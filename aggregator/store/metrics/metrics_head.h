// MetricsHead is what came since the last freeze: targets, and the index that their
// series ids are of. HeadWriter puts rows into it and, at a freeze, starts the next
// one. The index lives on over freezes; when most of its series are gone, the next
// head starts with a new one (a frozen head keeps its own).
//
// A layout joins the target that has at least half of its series, so that a source
// whose set of series changes a little stays one target; otherwise it becomes one.
//
// Native histograms stand beside the targets, series by series (histogram_head.h). Where
// a series has both in one head, both keep their orders of arrival.
//
// HeadWriter belongs to one thread at a time; MetricsHead may be read on any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "aggregator/store/metrics/exemplars.h"
#include "aggregator/store/metrics/head_target.h"
#include "aggregator/store/metrics/histogram_head.h"
#include "aggregator/store/metrics/series_index.h"
#include "common/base/mutex.h"
#include "common/codec/batch/batch.h"
#include "common/model/record.h"

namespace opssight {

class MetricsHead {
 public:
  explicit MetricsHead(std::shared_ptr<SeriesIndex> index) : index_(std::move(index)) {}
  const SeriesIndex& index() const { return *index_; }
  std::vector<std::shared_ptr<const HeadTarget>> Targets() const;
  const HistogramHead& histograms() const { return histograms_; }
  const ExemplarHead& exemplars() const { return exemplars_; }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // Of rows.
  std::uint64_t series() const { return series_.load(std::memory_order_relaxed); }
  std::uint64_t samples() const { return samples_.load(std::memory_order_relaxed); }
  bool empty() const;

 private:
  friend class HeadWriter;
  const std::shared_ptr<SeriesIndex> index_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> series_{0};
  std::atomic<std::uint64_t> samples_{0};  // Of floats.
  HistogramHead histograms_;
  ExemplarHead exemplars_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<HeadTarget>> targets_ OPS_GUARDED_BY(mutex_);
};

class HeadWriter {
 public:
  static constexpr std::size_t kColumnsMax = 4096;  // Of a target that others join.

  // series_per_metric_max: new series of a metric that has so many in the index are refused.
  explicit HeadWriter(std::uint64_t series_per_metric_max = SeriesIndex::kNoLimit);
  // Rows of one layout, in the order they came. values.size() is a multiple of the
  // layout's series. Returns how many of the values were of series that are refused.
  std::uint64_t Append(const LayoutId& id, const Layout* layout,
                       std::span<const std::int64_t> times, std::span<const double> values);
  // A native histogram, in the order of the rows.
  // False: its series is refused.
  bool AppendHistogram(const HistogramRow& row);
  // At most exemplars_max in a head; what a series repeats is not kept twice.
  enum class Kept : std::uint8_t { kYes, kRepeated, kFull };  // kFull: or its series is refused.
  Kept AppendExemplar(const Exemplar& exemplar, std::size_t exemplars_max);
  // 0: unknown.
  std::size_t WidthOf(const LayoutId& id) const;

  std::shared_ptr<const MetricsHead> head() const { return head_; }
  // Starts a new head; returns the one before.
  std::shared_ptr<const MetricsHead> Freeze();

 private:
  struct LayoutState {
    // kNoColumn for a series that comes again later, or is refused.
    std::vector<SeriesId> ids;
    std::uint32_t refused = 0;
    std::uint64_t head = 0;  // Number of the head that the rest is about.
    std::uint32_t target = 0;
    std::uint32_t layout = 0;  // In the target.
  };
  struct Owner {
    std::uint32_t target = kNoColumn;
    std::uint32_t column = 0;
  };

  LayoutState& StateOf(const LayoutId& id, const Layout* layout);
  void Place(LayoutState& state);
  std::uint32_t ChooseTarget(const std::vector<SeriesId>& ids);
  std::uint32_t ColumnIn(std::uint32_t target, SeriesId id, std::vector<SeriesId>& added);

  const std::uint64_t series_per_metric_max_;
  std::shared_ptr<SeriesIndex> index_;
  std::shared_ptr<MetricsHead> head_;
  std::uint64_t head_number_ = 1;
  std::int64_t next_order_ = 0;
  std::unordered_map<LayoutId, LayoutState> layouts_;
  std::vector<std::shared_ptr<HeadTarget>> targets_;  // Of head_.
  std::vector<Owner> owners_;                         // By series; where it stands in head_.
  // Columns of series that a target has beside their owner; key: target, series.
  std::unordered_map<std::uint64_t, std::uint32_t> second_columns_;
  ExemplarRepeats exemplar_repeats_;
  std::unordered_set<SeriesId> histograms_;  // Series that head_ has histograms of.
};

}  // namespace opssight
