#include "aggregator/promql/engine/subquery.h"

#include <memory>
#include <utility>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/times.h"

namespace opssight::promql {

namespace {

// What a subquery leaves out may hold a reset, and what it shows twice must not be two: hints
// are not believed any more.
HistogramPtr WithoutHint(HistogramPtr histogram) {
  if (histogram->hint == ResetHint::kUnknown || histogram->hint == ResetHint::kGauge) {
    return histogram;
  }
  auto copy = std::make_shared<Histogram>(*histogram);
  copy->hint = ResetHint::kUnknown;
  return copy;
}

RangeSeries ToSeries(Column column, const Steps& steps) {
  RangeSeries range = {.series = {}, .drop_name = column.drop_name};
  range.series.labels = std::move(column.labels);
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (column.HasHistogram(step)) {
      range.series.histograms.push_back(
          {.time_ms = steps.At(step),
           .histogram = WithoutHint(std::move(column.histograms[step]))});
    } else if (column.HasFloat(step)) {
      range.series.samples.push_back({.time_ms = steps.At(step), .value = column.values[step]});
    }
  }
  return range;
}

}  // namespace

Steps SubquerySteps(const NodePlan& node, const Steps& outer) {
  const std::int64_t end_ms = node.shift.Of(outer.At(outer.count - 1));
  const std::int64_t border_ms = SubMs(node.shift.Of(outer.At(0)), node.range_ms);
  std::int64_t start_ms = border_ms / node.step_ms * node.step_ms;
  if (start_ms <= border_ms) start_ms = AddMs(start_ms, node.step_ms);
  Steps inner = {.start_ms = start_ms, .interval_ms = node.step_ms, .count = 0};
  if (start_ms <= end_ms) {
    inner.count = static_cast<std::size_t>(SubMs(end_ms, start_ms) / node.step_ms) + 1;
  }
  return inner;
}

Result<Columns> EvaluateSubqueryColumns(Query& query, const SubqueryExpr& subquery,
                                        const Steps& inner) {
  if (inner.count == 0) return Columns();
  // A column of it alone would be too much; nothing may be allocated for the steps.
  if (inner.count > query.budget.max()) OPS_RETURN_IF_ERROR(query.budget.Take(inner.count));
  return EvaluateVector(query, *subquery.expr, inner);
}

Result<RangeInput> EvaluateSubquery(Query& query, const SubqueryExpr& subquery,
                                    const Steps& outer) {
  const NodePlan& node = query.plan.Of(subquery);
  const Steps inner = SubquerySteps(node, outer);
  OPS_TRY(Columns columns, EvaluateSubqueryColumns(query, subquery, inner));
  RangeInput input = {.shape = {.shift = node.shift, .range_ms = node.range_ms}, .series = {}};
  input.series.reserve(columns.size());
  for (Column& column : columns) input.series.push_back(ToSeries(std::move(column), inner));
  return input;
}

}  // namespace opssight::promql
