#include "aggregator/promql/engine/series_input.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/times.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "common/text/time.h"
#include "common/text/units.h"

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

// The metric that is asked for, or else what asks, as it is written.
std::string_view WrittenOf(const Query& query, const Selection& selection) {
  for (const Matcher& matcher : selection.matchers) {
    if (matcher.type() == MatchType::kEqual && matcher.name() == kMetricName) {
      return matcher.value();
    }
  }
  const std::string_view text = query.request.text;
  const std::size_t begin = std::min<std::size_t>(selection.pos.begin, text.size());
  return text.substr(begin, std::max<std::size_t>(begin, selection.pos.end) - begin);
}

void WarnThinned(Query& query, const Selection& selection, const Thinning& thinning) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  const std::int64_t before_ms = std::min(thinning.before_ms, INT64_MAX / kNsPerMs);
  query.annotations.Warn(
      fmt::format("samples of {} before {} are kept as rollups of {} only; the answer is "
                  "approximate",
                  WrittenOf(query, selection), FormatRfc3339Ns(before_ms * kNsPerMs),
                  FormatDurationMs(thinning.resolution_ms)),
      selection.pos);
}

Result<std::unique_ptr<SeriesPortions>> Begin(Query& query, const Selection& selection) {
  OPS_RETURN_IF_ERROR(query.CheckWanted());
  const std::int64_t from_ms = AddMs(SubMs(selection.hull.from_ms, selection.reach_back_ms), 1);
  const std::int64_t to_ms = AddMs(selection.hull.to_ms, selection.reach_on_ms);
  QueryLimits limits = query.request.limits;
  // The source asks on any of the query's threads.
  limits.cancelled = [&query] { return !query.CheckWanted().has_value(); };
  limits.thinned = [&](const Thinning& thinning) { WarnThinned(query, selection, thinning); };
  auto portions = query.source.SelectPortions(
      selection.matchers, from_ms, to_ms, limits,
      selection.node.unlabelled ? SeriesLabels::kUnused : SeriesLabels::kWanted);
  if (!portions.has_value()) return std::move(portions.error()).At("expanding series");
  return portions;
}

Result<std::vector<Series>> ReadPortion(SeriesPortions& portions, std::size_t portion,
                                        const Selection& selection) {
  Result<std::vector<Series>> series = portions.Read(portion);
  if (!series.has_value()) return std::move(series.error()).At("expanding series");
  if (selection.node.find_resets) {
    for (Series& one : *series) FindResets(one);
  }
  return series;
}

template <class Item>
void MoveTo(std::vector<Item>& all, std::vector<Item> more) {
  if (all.capacity() == 0) {
    all = std::move(more);
    return;
  }
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
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

Result<std::vector<Series>> SelectSeries(Query& query, const Selection& selection) {
  OPS_TRY(const auto portions, Begin(query, selection));
  std::vector<Series> all;
  for (std::size_t i = 0; i < portions->count(); ++i) {
    OPS_TRY(std::vector<Series> series, ReadPortion(*portions, i, selection));
    MoveTo(all, std::move(series));
  }
  return all;
}

Result<Columns> SelectColumns(Query& query, const Selection& selection, const PortionWork& work) {
  constexpr std::size_t kPortionCost = 1'000'000;  // Some ms: each is a piece of its own.
  OPS_TRY(const auto portions, Begin(query, selection));
  std::vector<Columns> columns(portions->count());
  const auto run = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    for (std::size_t i = begin; i < end; ++i) {
      OPS_TRY(std::vector<Series> series, ReadPortion(*portions, i, selection));
      OPS_TRY(columns[i], work(std::move(series), annotations));
    }
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(query, portions->count(), kPortionCost, run));
  return Joined(std::move(columns));
}

Columns Joined(std::vector<Columns> pieces) {
  Columns all;
  std::size_t count = 0;
  for (const Columns& piece : pieces) count += piece.size();
  if (pieces.size() > 1) all.reserve(count);
  for (Columns& piece : pieces) MoveTo(all, std::move(piece));
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
