#include "aggregator/promql/engine/instant_selector.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/rolled.h"
#include "aggregator/promql/engine/series_input.h"
#include "aggregator/promql/engine/smoothed.h"
#include "aggregator/promql/engine/times.h"

namespace opssight::promql {

namespace {

// Walks a series' samples while the time goes on.
class Newest {
 public:
  explicit Newest(const Series& series) : series_(series) {}

  // To the newest sample at or before time_ms. False: there is none.
  bool MoveTo(std::int64_t time_ms) {
    const std::size_t floats = series_.samples.size();
    while (floats_seen_ < floats && series_.samples[floats_seen_].time_ms <= time_ms) {
      ++floats_seen_;
    }
    const std::size_t histograms = series_.histograms.size();
    while (histograms_seen_ < histograms &&
           series_.histograms[histograms_seen_].time_ms <= time_ms) {
      ++histograms_seen_;
    }
    if (floats_seen_ == 0 && histograms_seen_ == 0) return false;
    is_histogram_ =
        histograms_seen_ != 0 && (floats_seen_ == 0 || histogram().time_ms > sample().time_ms);
    return true;
  }

  bool is_histogram() const { return is_histogram_; }
  const Sample& sample() const { return series_.samples[floats_seen_ - 1]; }
  const HistogramSample& histogram() const { return series_.histograms[histograms_seen_ - 1]; }
  std::int64_t time_ms() const { return is_histogram_ ? histogram().time_ms : sample().time_ms; }
  bool stale() const { return is_histogram_ ? IsStale(histogram()) : IsStale(sample()); }
  std::int64_t start_ms() const {
    const auto& starts = is_histogram_ ? series_.histogram_starts : series_.sample_starts;
    return starts.empty() ? 0 : starts[(is_histogram_ ? histograms_seen_ : floats_seen_) - 1];
  }

 private:
  const Series& series_;
  std::size_t floats_seen_ = 0;
  std::size_t histograms_seen_ = 0;
  bool is_histogram_ = false;
};

void Put(const Newest& newest, SampleField field, std::size_t step, Column& column) {
  switch (field) {
    case SampleField::kTime:
      column.values[step] = static_cast<double>(newest.time_ms());
      return;
    case SampleField::kStart:
      column.values[step] = static_cast<double>(newest.start_ms());
      return;
    case SampleField::kValue:
      break;
  }
  if (!newest.is_histogram()) {
    column.values[step] = newest.sample().value;
    return;
  }
  if (column.histograms.empty()) column.histograms.resize(column.values.size());
  column.histograms[step] = newest.histogram().histogram;
}

// The number of steps that have a value.
std::size_t Fill(const Series& series, const TimeShift& shift, const Steps& steps,
                 std::int64_t lookback_ms, SampleField field, Column& column) {
  Newest newest(series);
  std::size_t found = 0;
  for (std::size_t step = 0; step < steps.count; ++step) {
    const std::int64_t time_ms = shift.Of(steps.At(step));
    if (!newest.MoveTo(time_ms)) continue;
    if (newest.time_ms() <= SubMs(time_ms, lookback_ms) || newest.stale()) continue;
    Put(newest, field, step, column);
    ++found;
  }
  return found;
}

// A portion of a selector's series.
Result<Columns> PortionColumns(Query& query, std::vector<Series> all, const TimeShift& shift,
                               const Steps& steps, SampleField field) {
  Columns columns;
  columns.reserve(all.size());
  for (Series& one : all) {
    // Its samples go at once: the next columns stand in their memory.
    Series series = std::move(one);
    Column column;
    column.values.assign(steps.count, Absent());
    const std::size_t found =
        Fill(series, shift, steps, query.functions.lookback_ms, field, column);
    query.budget.Look(found);
    if (found == 0) continue;
    column.labels = std::move(series.labels);
    OPS_RETURN_IF_ERROR(query.budget.Take(SamplesOf(column)));
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace

Result<Columns> EvaluateSelector(Query& query, const VectorSelector& selector, const Steps& steps,
                                 SampleField field) {
  const NodePlan& node = query.plan.Of(selector);
  const std::int64_t lookback_ms = query.functions.lookback_ms;
  const bool smoothed = selector.extend == Extend::kSmoothed && field == SampleField::kValue;
  if (field != SampleField::kStart) {
    OPS_TRY(auto rolled, RolledNewest(query, selector, steps));
    if (rolled) return PortionColumns(query, *std::move(rolled), node.shift, steps, field);
  }
  const Selection selection = {.matchers = selector.matchers,
                               .node = node,
                               .hull = HullOf(node.shift, steps),
                               .reach_back_ms = lookback_ms,
                               .reach_on_ms = smoothed ? lookback_ms : 0,
                               .pos = selector.pos};
  if (smoothed) {
    OPS_TRY(std::vector<Series> all, SelectSeries(query, selection));
    return SmoothedColumns(query, std::move(all), node.shift, steps, selector.pos);
  }
  return SelectColumns(query, selection, [&](std::vector<Series> series, Annotations&) {
    return PortionColumns(query, std::move(series), node.shift, steps, field);
  });
}

}  // namespace opssight::promql
