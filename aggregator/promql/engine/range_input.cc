#include "aggregator/promql/engine/range_input.h"

#include <cstddef>
#include <span>
#include <utility>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/series_input.h"
#include "aggregator/promql/engine/subquery.h"
#include "aggregator/promql/engine/times.h"
#include "common/base/check.h"

namespace opssight::promql {

namespace {

template <class Item>
void MoveBorders(const std::vector<Item>& items, std::int64_t from_ms, std::int64_t to_ms,
                 std::size_t& begin, std::size_t& end) {
  while (end < items.size() && items[end].time_ms <= to_ms) ++end;
  while (begin < end && items[begin].time_ms <= from_ms) ++begin;
}

template <class Item>
std::span<const Item> Part(const std::vector<Item>& items, std::size_t begin, std::size_t end) {
  if (items.empty()) return {};
  return std::span<const Item>(items).subspan(begin, end - begin);
}

std::int64_t ReachOn(Extend extend, std::int64_t lookback_ms) {
  return extend == Extend::kSmoothed ? lookback_ms : 0;
}

std::int64_t ReachBack(Extend extend, std::int64_t lookback_ms) {
  return extend == Extend::kNone ? 0 : lookback_ms;
}

Result<RangeInput> FromSelector(Query& query, const MatrixSelector& range, const Steps& steps) {
  const NodePlan& node = query.plan.Of(range);
  RangeInput input = {.series = {},
                      .shift = node.shift,
                      .range_ms = node.range_ms,
                      .extend = range.selector->extend,
                      .lookback_ms = query.functions.lookback_ms};
  const std::int64_t back_ms = AddMs(node.range_ms, ReachBack(input.extend, input.lookback_ms));
  OPS_TRY(std::vector<Series> all,
          SelectSeries(query, {.matchers = range.selector->matchers,
                               .node = node,
                               .hull = HullOf(node.shift, steps),
                               .reach_back_ms = back_ms,
                               .reach_on_ms = ReachOn(input.extend, input.lookback_ms),
                               .pos = range.pos}));
  input.series.reserve(all.size());
  for (Series& series : all) {
    DropStale(series);
    input.series.push_back({.series = std::move(series)});
  }
  return input;
}

}  // namespace

bool IsRange(const Expr& expr) {
  return expr.kind() == ExprKind::kRange || expr.kind() == ExprKind::kSubquery;
}

Result<RangeInput> EvaluateRange(Query& query, const Expr& expr, const Steps& steps) {
  if (const auto* range = As<MatrixSelector>(expr)) return FromSelector(query, *range, steps);
  const auto* subquery = As<SubqueryExpr>(expr);
  OPS_CHECK(subquery != nullptr, "only selectors and subqueries are range vectors");
  return EvaluateSubquery(query, *subquery, steps);
}

bool MovingWindow::MoveTo(std::int64_t step_ms) {
  window_.eval_ms = step_ms;
  window_.end_ms = input_.shift.Of(step_ms);
  window_.start_ms = SubMs(window_.end_ms, input_.range_ms);
  window_.extend = input_.extend;
  const std::int64_t from_ms =
      SubMs(window_.start_ms, ReachBack(input_.extend, input_.lookback_ms));
  const std::int64_t to_ms = AddMs(window_.end_ms, ReachOn(input_.extend, input_.lookback_ms));
  MoveBorders(series_.samples, from_ms, to_ms, floats_begin_, floats_end_);
  MoveBorders(series_.histograms, from_ms, to_ms, histograms_begin_, histograms_end_);
  window_.floats = Part(series_.samples, floats_begin_, floats_end_);
  window_.float_starts = Part(series_.sample_starts, floats_begin_, floats_end_);
  window_.histograms = Part(series_.histograms, histograms_begin_, histograms_end_);
  window_.histogram_starts = Part(series_.histogram_starts, histograms_begin_, histograms_end_);
  return !window_.floats.empty() || !window_.histograms.empty();
}

}  // namespace opssight::promql
