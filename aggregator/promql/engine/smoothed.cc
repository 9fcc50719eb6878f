#include "aggregator/promql/engine/smoothed.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/series_input.h"
#include "aggregator/promql/engine/times.h"
#include "aggregator/promql/functions/extended.h"

namespace opssight::promql {

namespace {

double Fraction(std::int64_t before_ms, std::int64_t after_ms, std::int64_t time_ms) {
  return static_cast<double>(time_ms - before_ms) / static_cast<double>(after_ms - before_ms);
}

// Items of one series, sorted by time, that lie in (from, to]; from and to only grow.
template <class Item>
class Reach {
 public:
  explicit Reach(std::span<const Item> items) : items_(items) {}

  std::span<const Item> MoveTo(std::int64_t from_ms, std::int64_t to_ms) {
    while (end_ < items_.size() && items_[end_].time_ms <= to_ms) ++end_;
    while (begin_ < end_ && items_[begin_].time_ms <= from_ms) ++begin_;
    return items_.subspan(begin_, end_ - begin_);
  }

 private:
  std::span<const Item> items_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// The neighbours of a time: both the same where one is of that very time; after null where
// nothing follows; before null where nothing came before.
template <class Item>
struct Neighbours {
  const Item* before = nullptr;
  const Item* after = nullptr;
};

template <class Item>
Neighbours<Item> Around(std::span<const Item> items, std::int64_t time_ms) {
  const auto after = std::lower_bound(
      items.begin(), items.end(), time_ms,
      [](const Item& item, std::int64_t wanted_ms) { return item.time_ms < wanted_ms; });
  if (after != items.end() && after->time_ms == time_ms) return {&*after, &*after};
  Neighbours<Item> found;
  if (after != items.begin()) found.before = &*std::prev(after);
  if (after != items.end()) found.after = &*after;
  return found;
}

class Smoother {
 public:
  Smoother(const Query& query, PosRange pos, Annotations& annotations)
      : lookback_ms_(query.functions.lookback_ms), pos_(pos), annotations_(annotations) {}

  // The number of steps that have a value.
  std::size_t Fill(const Series& series, const TimeShift& shift, const Steps& steps,
                   Column& column) {
    Reach<Sample> floats(series.samples);
    Reach<HistogramSample> histograms(series.histograms);
    std::size_t found = 0;
    for (std::size_t step = 0; step < steps.count; ++step) {
      const std::int64_t time_ms = shift.Of(steps.At(step));
      const std::int64_t from_ms = SubMs(time_ms, lookback_ms_);
      const std::int64_t to_ms = AddMs(time_ms, lookback_ms_);
      const auto near = floats.MoveTo(from_ms, to_ms);
      const auto near_histograms = histograms.MoveTo(from_ms, to_ms);
      if (!near.empty() && !near_histograms.empty()) {
        Warn("encountered a mix of histograms and floats for metric name", column);
      } else if (!near.empty()) {
        found += PutFloat(Around(near, time_ms), time_ms, step, column) ? 1 : 0;
      } else if (!near_histograms.empty()) {
        found += PutHistogram(Around(near_histograms, time_ms), time_ms, step, column) ? 1 : 0;
      }
    }
    return found;
  }

 private:
  void Warn(std::string_view text, const Column& column) {
    annotations_.Warn(fmt::format("{} \"{}\"", text, column.labels.Get(kMetricName)), pos_);
  }

  static bool PutFloat(const Neighbours<Sample>& around, std::int64_t time_ms, std::size_t step,
                       Column& column) {
    if (around.before == nullptr) return false;
    const bool alone = around.after == nullptr || around.after == around.before;
    column.values[step] =
        alone ? around.before->value : Interpolate(*around.before, *around.after, time_ms);
    return true;
  }

  bool PutHistogram(const Neighbours<HistogramSample>& around, std::int64_t time_ms,
                    std::size_t step, Column& column) {
    if (around.before == nullptr) return false;
    const bool alone = around.after == nullptr || around.after == around.before;
    HistogramPtr value =
        alone ? around.before->histogram : Interpolate(*around.before, *around.after, time_ms);
    if (!value) {
      Warn(
          "vector contains a mix of histograms with exponential and custom buckets schemas for "
          "metric name",
          column);
      return false;
    }
    if (column.histograms.empty()) column.histograms.resize(column.values.size());
    column.histograms[step] = std::move(value);
    return true;
  }

  const std::int64_t lookback_ms_;
  const PosRange pos_;
  Annotations& annotations_;
};

}  // namespace

double Interpolate(const Sample& before, const Sample& after, std::int64_t time_ms) {
  return before.value +
         (after.value - before.value) * Fraction(before.time_ms, after.time_ms, time_ms);
}

HistogramPtr Interpolate(const HistogramSample& before, const HistogramSample& after,
                         std::int64_t time_ms) {
  const bool counter =
      before.histogram->hint != ResetHint::kGauge && after.histogram->hint != ResetHint::kGauge;
  return BetweenHistograms(before, after, time_ms, counter);
}

Result<Columns> SmoothedColumns(Query& query, std::vector<Series> all, const TimeShift& shift,
                                const Steps& steps, PosRange pos) {
  Columns columns(all.size());
  const auto work = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    Smoother smoother(query, pos, annotations);
    for (std::size_t i = begin; i < end; ++i) {
      DropStale(all[i]);
      Column& column = columns[i];
      column.labels = std::move(all[i].labels);
      column.values.assign(steps.count, Absent());
      const std::size_t found = smoother.Fill(all[i], shift, steps, column);
      query.budget.Look(found);
      if (found == 0) {
        column.values.clear();
        continue;
      }
      OPS_RETURN_IF_ERROR(query.budget.Take(SamplesOf(column)));
    }
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(query, all.size(), steps.count, work));
  std::erase_if(columns, [](const Column& column) { return column.values.empty(); });
  return columns;
}

}  // namespace opssight::promql
