#include "aggregator/promql/engine/range_input.h"

#include <cstddef>
#include <iterator>
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

struct RangeSelection {
  RangeShape shape;
  Selection selection;
};

RangeSelection SelectionOf(Query& query, const MatrixSelector& range, const Steps& steps) {
  const NodePlan& node = query.plan.Of(range);
  const RangeShape shape = {.shift = node.shift,
                            .range_ms = node.range_ms,
                            .extend = range.selector->extend,
                            .lookback_ms = query.functions.lookback_ms};
  const std::int64_t back_ms = AddMs(node.range_ms, ReachBack(shape.extend, shape.lookback_ms));
  return {.shape = shape,
          .selection = {.matchers = range.selector->matchers,
                        .node = node,
                        .hull = HullOf(node.shift, steps),
                        .reach_back_ms = back_ms,
                        .reach_on_ms = ReachOn(shape.extend, shape.lookback_ms),
                        .pos = range.pos}};
}

RangeInput InputOf(const RangeShape& shape, std::vector<Series> all) {
  RangeInput input = {.shape = shape, .series = {}};
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
  if (const auto* range = As<MatrixSelector>(expr)) {
    const RangeSelection from = SelectionOf(query, *range, steps);
    OPS_TRY(std::vector<Series> all, SelectSeries(query, from.selection));
    return InputOf(from.shape, std::move(all));
  }
  const auto* subquery = As<SubqueryExpr>(expr);
  OPS_CHECK(subquery != nullptr, "only selectors and subqueries are range vectors");
  return EvaluateSubquery(query, *subquery, steps);
}

Result<Columns> EvaluateRangeColumns(Query& query, const Expr& expr, const Steps& steps,
                                     const RangeWork& work) {
  if (const auto* range = As<MatrixSelector>(expr)) {
    const RangeSelection from = SelectionOf(query, *range, steps);
    return SelectColumns(query, from.selection,
                         [&](std::vector<Series> series, Annotations& annotations) {
                           return work(InputOf(from.shape, std::move(series)), annotations);
                         });
  }
  constexpr std::size_t kStepCost = 8;
  OPS_TRY(RangeInput input, EvaluateRange(query, expr, steps));
  std::vector<Columns> columns(input.series.size());  // Of the piece that begins there.
  const auto run = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    const auto from = input.series.begin();
    RangeInput piece = {.shape = input.shape, .series = {}};
    piece.series.assign(std::make_move_iterator(from + static_cast<std::ptrdiff_t>(begin)),
                        std::make_move_iterator(from + static_cast<std::ptrdiff_t>(end)));
    OPS_TRY(columns[begin], work(std::move(piece), annotations));
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(query, input.series.size(), steps.count * kStepCost, run));
  return Joined(std::move(columns));
}

bool MovingWindow::MoveTo(std::int64_t step_ms) {
  window_.eval_ms = step_ms;
  window_.end_ms = shape_.shift.Of(step_ms);
  window_.start_ms = SubMs(window_.end_ms, shape_.range_ms);
  window_.extend = shape_.extend;
  const std::int64_t from_ms =
      SubMs(window_.start_ms, ReachBack(shape_.extend, shape_.lookback_ms));
  const std::int64_t to_ms = AddMs(window_.end_ms, ReachOn(shape_.extend, shape_.lookback_ms));
  MoveBorders(series_.samples, from_ms, to_ms, floats_begin_, floats_end_);
  MoveBorders(series_.histograms, from_ms, to_ms, histograms_begin_, histograms_end_);
  window_.floats = Part(series_.samples, floats_begin_, floats_end_);
  window_.float_starts = Part(series_.sample_starts, floats_begin_, floats_end_);
  window_.histograms = Part(series_.histograms, histograms_begin_, histograms_end_);
  window_.histogram_starts = Part(series_.histogram_starts, histograms_begin_, histograms_end_);
  return !window_.floats.empty() || !window_.histograms.empty();
}

}  // namespace opssight::promql
