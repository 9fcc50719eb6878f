#include "aggregator/promql/engine/result.h"

#include <algorithm>
#include <utility>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/label_ops.h"
#include "aggregator/promql/engine/range_result.h"
#include "aggregator/promql/engine/subquery.h"

namespace opssight::promql {

namespace {

ResultSeries ToSeries(Column column, const Steps& steps) {
  ResultSeries series = {.labels = std::move(column.labels)};
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (column.HasHistogram(step)) {
      series.histograms.push_back(
          {.time_ms = steps.At(step), .histogram = std::move(column.histograms[step])});
    } else if (column.HasFloat(step)) {
      series.points.push_back({.time_ms = steps.At(step), .value = column.values[step]});
    }
  }
  return series;
}

std::vector<ResultSeries> ToSeries(Columns columns, const Steps& steps) {
  std::vector<ResultSeries> all;
  all.reserve(columns.size());
  for (Column& column : columns) {
    ResultSeries series = ToSeries(std::move(column), steps);
    if (!series.points.empty() || !series.histograms.empty()) all.push_back(std::move(series));
  }
  return all;
}

MatrixResult Sorted(std::vector<ResultSeries> series) {
  std::sort(series.begin(), series.end(),
            [](const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; });
  return {.series = std::move(series)};
}

// Names that were to go at the end go; series of one label set become one.
Result<Columns> Named(const Query& query, Columns columns) {
  if (!query.functions.delayed_name_removal) return columns;
  for (Column& column : columns) {
    if (column.drop_name) column.labels = DropMetadataLabels(column.labels);
  }
  return MergeSameLabels(std::move(columns));
}

Result<QueryValue> InstantAnswer(Query& query, Arg value, const Steps& steps) {
  switch (value.type) {
    case ValueType::kString:
      return StringResult{.time_ms = steps.start_ms, .value = std::move(value.text)};
    case ValueType::kScalar:
      return ScalarResult{.point = {.time_ms = steps.start_ms, .value = value.scalars.front()}};
    default: {
      OPS_TRY(Columns columns, Named(query, std::move(value.columns)));
      return VectorResult{.series = ToSeries(std::move(columns), steps)};
    }
  }
}

Result<QueryValue> RangeAnswer(Query& query, Arg value, const Steps& steps) {
  if (value.type == ValueType::kScalar) {
    Column column;
    column.values = std::move(value.scalars);
    value.columns.push_back(std::move(column));
  }
  OPS_TRY(Columns columns, Named(query, std::move(value.columns)));
  return Sorted(ToSeries(std::move(columns), steps));
}

Result<QueryValue> MatrixAnswer(Query& query, const Expr& expr, const Steps& steps) {
  if (const auto* subquery = As<SubqueryExpr>(expr)) {
    const Steps inner = SubquerySteps(query.plan.Of(expr), steps);
    OPS_TRY(Columns columns, EvaluateSubqueryColumns(query, *subquery, inner));
    OPS_TRY(columns, Named(query, std::move(columns)));
    return Sorted(ToSeries(std::move(columns), inner));
  }
  OPS_TRY(std::vector<ResultSeries> series, RangePoints(query, expr, steps));
  return Sorted(std::move(series));
}

}  // namespace

Result<QueryValue> Answer(Query& query, const Expr& expr, const Steps& steps) {
  if (expr.type() == ValueType::kMatrix) {
    return MatrixAnswer(query, Unparenthesized(expr), steps);
  }
  OPS_TRY(Arg value, Evaluate(query, expr, steps));
  if (query.instant()) return InstantAnswer(query, std::move(value), steps);
  return RangeAnswer(query, std::move(value), steps);
}

}  // namespace opssight::promql
