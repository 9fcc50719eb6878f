#include "aggregator/promql/engine/series_input.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "aggregator/promql/engine/times.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

// Hints found from one histogram to the next, where the store does not know them.
void FindResets(Series& series) {
  const Histogram* previous = nullptr;
  for (HistogramSample& sample : series.histograms) {
    if (IsStale(sample)) {
      previous = nullptr;
      continue;
    }
    const HistogramPtr current = sample.histogram;
    if (previous != nullptr && current->hint == ResetHint::kUnknown) {
      auto hinted = std::make_shared<Histogram>(*current);
      hinted->hint = DetectReset(*current, *previous) ? ResetHint::kReset : ResetHint::kNotReset;
      sample.histogram = std::move(hinted);
    }
    previous = sample.histogram.get();
  }
}

// Keeps items that are not stale, and the same of starts where there are any.
template <class Item>
void DropStaleOf(std::vector<Item>& items, std::vector<std::int64_t>& starts) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (IsStale(items[i])) continue;
    if (kept != i) {
      items[kept] = std::move(items[i]);
      if (!starts.empty()) starts[kept] = starts[i];
    }
    ++kept;
  }
  items.resize(kept);
  if (!starts.empty()) starts.resize(kept);
}

}  // namespace

bool IsStale(const Sample& sample) {
  return IsAbsent(sample.value);
}

bool IsStale(const HistogramSample& sample) {
  return IsAbsent(sample.histogram->sum);
}

Hull HullOf(const TimeShift& shift, const Steps& steps) {
  Hull hull = {.from_ms = shift.Of(steps.At(0)), .to_ms = shift.Of(steps.At(steps.count - 1))};
  return hull;
}

Result<std::vector<Series>> SelectSeries(Query& query, const std::vector<Matcher>& matchers,
                                         const NodePlan& node, const Hull& hull,
                                         std::int64_t reach_back_ms, std::int64_t reach_on_ms) {
  OPS_RETURN_IF_ERROR(query.CheckWanted());
  const std::int64_t from_ms = AddMs(SubMs(hull.from_ms, reach_back_ms), 1);
  const std::int64_t to_ms = AddMs(hull.to_ms, reach_on_ms);
  const QueryLimits& limits = query.request.limits;
  Result<std::vector<Series>> all =
      node.unlabelled ? query.source.SelectUnlabelled(matchers, from_ms, to_ms, limits)
                      : query.source.Select(matchers, from_ms, to_ms, limits);
  if (!all.has_value()) return std::move(all.error()).At("expanding series");
  if (node.find_resets) {
    for (Series& series : *all) FindResets(series);
  }
  return all;
}

void DropStale(Series& series) {
  const auto stale = [](const auto& item) { return IsStale(item); };
  if (std::any_of(series.samples.begin(), series.samples.end(), stale)) {
    DropStaleOf(series.samples, series.sample_starts);
  }
  if (std::any_of(series.histograms.begin(), series.histograms.end(), stale)) {
    DropStaleOf(series.histograms, series.histogram_starts);
  }
}

}  // namespace opssight::promql
