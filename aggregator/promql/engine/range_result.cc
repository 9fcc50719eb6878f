#include "aggregator/promql/engine/range_result.h"

#include <algorithm>
#include <span>
#include <utility>

#include "aggregator/promql/engine/range_input.h"
#include "aggregator/promql/engine/smoothed.h"

namespace opssight::promql {

namespace {

// The value at a border: the sample before it (or, with none, the first after), or with
// smoothing what lies on the line between the two around it.
double AtBorder(std::span<const Sample> floats, std::int64_t time_ms, bool smoothed) {
  const auto after = std::upper_bound(
      floats.begin(), floats.end(), time_ms,
      [](std::int64_t wanted_ms, const Sample& sample) { return wanted_ms < sample.time_ms; });
  if (after == floats.begin()) return floats.front().value;
  const Sample& before = *std::prev(after);
  const bool between = smoothed && after != floats.end() && before.time_ms < time_ms;
  return between ? Interpolate(before, *after, time_ms) : before.value;
}

void AppendExtended(const Window& window, ResultSeries& series) {
  const std::span<const Sample> floats = window.floats;
  if (floats.empty()) return;
  const bool smoothed = window.extend == Extend::kSmoothed;
  // All before the range, or (smoothed) all behind it: nothing is known of it.
  if (floats.back().time_ms <= window.start_ms || floats.front().time_ms > window.end_ms) return;
  series.points.push_back(
      {.time_ms = window.start_ms, .value = AtBorder(floats, window.start_ms, smoothed)});
  for (const Sample& sample : floats) {
    if (sample.time_ms > window.start_ms && sample.time_ms < window.end_ms) {
      series.points.push_back({.time_ms = sample.time_ms, .value = sample.value});
    }
  }
  series.points.push_back(
      {.time_ms = window.end_ms, .value = AtBorder(floats, window.end_ms, smoothed)});
}

void AppendPlain(const Window& window, ResultSeries& series) {
  for (const Sample& sample : window.floats) {
    series.points.push_back({.time_ms = sample.time_ms, .value = sample.value});
  }
}

}  // namespace

Result<std::vector<ResultSeries>> RangePoints(Query& query, const Expr& expr, const Steps& steps) {
  OPS_TRY(RangeInput input, EvaluateRange(query, expr, steps));
  std::vector<ResultSeries> all;
  for (RangeSeries& from : input.series) {
    MovingWindow moving(input.shape, from.series);
    if (!moving.MoveTo(steps.At(0))) continue;
    const Window& window = moving.window();
    query.budget.Look(window.floats.size() + window.histograms.size());
    ResultSeries series;
    if (window.extend == Extend::kNone) {
      AppendPlain(window, series);
    } else {
      AppendExtended(window, series);
    }
    std::uint64_t samples = series.points.size();
    for (const HistogramSample& sample : window.histograms) {
      if (sample.time_ms <= window.start_ms || sample.time_ms > window.end_ms) continue;
      samples += SamplesOf(*sample.histogram);
      series.histograms.push_back({.time_ms = sample.time_ms, .histogram = sample.histogram});
    }
    if (series.points.empty() && series.histograms.empty()) continue;
    OPS_RETURN_IF_ERROR(query.budget.Take(samples));
    series.labels = std::move(from.series.labels);
    all.push_back(std::move(series));
  }
  return all;
}

}  // namespace opssight::promql
