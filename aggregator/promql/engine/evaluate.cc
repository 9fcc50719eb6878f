#include "aggregator/promql/engine/evaluate.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "aggregator/promql/engine/aggregate.h"
#include "aggregator/promql/engine/binary.h"
#include "aggregator/promql/engine/calls.h"
#include "aggregator/promql/engine/instant_selector.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "common/base/check.h"

namespace opssight::promql {

namespace {

Result<Arg> Vector(Result<Columns> columns) {
  if (!columns.has_value()) return std::move(columns).error();
  Arg value;
  value.columns = *std::move(columns);
  return value;
}

Arg Scalar(std::vector<double> scalars) {
  Arg value;
  value.type = ValueType::kScalar;
  value.scalars = std::move(scalars);
  return value;
}

void Negate(Column& column) {
  for (double& value : column.values) {
    if (!IsAbsent(value)) value = -value;
  }
  for (HistogramPtr& histogram : column.histograms) {
    if (!histogram) continue;
    auto negated = std::make_shared<Histogram>(*histogram);
    Scale(*negated, -1);
    histogram = std::move(negated);
  }
}

Result<Arg> EvaluateUnary(Query& query, const UnaryExpr& unary, const Steps& steps) {
  OPS_TRY(Arg value, Evaluate(query, *unary.expr, steps));
  if (!unary.minus) return value;
  for (double& scalar : value.scalars) scalar = -scalar;
  for (Column& column : value.columns) {
    Negate(column);
    DropName(column, query.functions);
  }
  if (query.functions.delayed_name_removal) return value;
  OPS_TRY(value.columns, MergeSameLabels(std::move(value.columns)));
  return value;
}

Result<Arg> EvaluateNode(Query& query, const Expr& expr, const Steps& steps) {
  switch (expr.kind()) {
    case ExprKind::kNumber:
      OPS_RETURN_IF_ERROR(query.budget.Take(steps.count));
      return Scalar(std::vector<double>(steps.count, As<NumberLiteral>(expr)->value));
    case ExprKind::kString: {
      Arg value;
      value.type = ValueType::kString;
      value.text = As<StringLiteral>(expr)->value;
      return value;
    }
    case ExprKind::kSelector:
      return Vector(EvaluateSelector(query, *As<VectorSelector>(expr), steps, SampleField::kValue));
    case ExprKind::kUnary:
      return EvaluateUnary(query, *As<UnaryExpr>(expr), steps);
    case ExprKind::kParen:
      return Evaluate(query, *As<ParenExpr>(expr)->expr, steps);
    case ExprKind::kBinary:
      return EvaluateBinary(query, *As<BinaryExpr>(expr), steps);
    case ExprKind::kAggregate:
      return Vector(EvaluateAggregate(query, *As<AggregateExpr>(expr), steps));
    case ExprKind::kCall:
      return EvaluateCall(query, *As<Call>(expr), steps);
    case ExprKind::kRange:
    case ExprKind::kSubquery:
    case ExprKind::kDuration:
      break;
  }
  return Internal("a range vector or a duration stands where a value must");
}

// What was evaluated at one step, at all of them.
Status Spread(Query& query, const Steps& steps, Arg& value) {
  OPS_RETURN_IF_ERROR(query.budget.Take(SamplesOf(value) * (steps.count - 1)));
  if (!value.scalars.empty()) value.scalars.assign(steps.count, double(value.scalars[0]));
  for (Column& column : value.columns) {
    column.values.assign(steps.count, double(column.values[0]));
    if (!column.histograms.empty()) {
      column.histograms.assign(steps.count, HistogramPtr(column.histograms[0]));
    }
  }
  return {};
}

Result<Arg> EvaluateOnce(Query& query, const Expr& expr, const Steps& steps) {
  const Steps first = {.start_ms = steps.start_ms};
  OPS_TRY(Arg value, EvaluateNode(query, expr, first));
  OPS_RETURN_IF_ERROR(Spread(query, steps, value));
  return value;
}

}  // namespace

Result<Arg> Evaluate(Query& query, const Expr& expr, const Steps& steps) {
  OPS_RETURN_IF_ERROR(query.CheckWanted());
  OPS_CHECK(steps.count != 0, "there is a step to evaluate at");
  const std::uint64_t held = query.budget.held();
  const bool once = query.plan.Of(expr).invariant && steps.count > 1;
  OPS_TRY(Arg value, once ? EvaluateOnce(query, expr, steps) : EvaluateNode(query, expr, steps));
  const std::uint64_t made = SamplesOf(value) + query.budget.SamplesOfLabels(value.columns);
  OPS_RETURN_IF_ERROR(query.budget.Settle(held + made));
  return value;
}

Result<Columns> EvaluateVector(Query& query, const Expr& expr, const Steps& steps) {
  OPS_TRY(Arg value, Evaluate(query, expr, steps));
  if (value.type != ValueType::kVector) return Internal("an instant vector was expected");
  return std::move(value.columns);
}

Result<std::vector<double>> EvaluateScalar(Query& query, const Expr& expr, const Steps& steps) {
  OPS_TRY(Arg value, Evaluate(query, expr, steps));
  if (value.type != ValueType::kScalar) return Internal("a scalar was expected");
  return std::move(value.scalars);
}

bool HasAny(const Column& column) {
  return std::any_of(column.values.begin(), column.values.end(),
                     [](double value) { return !IsAbsent(value); }) ||
         std::any_of(column.histograms.begin(), column.histograms.end(),
                     [](const HistogramPtr& histogram) { return histogram != nullptr; });
}

void DropEmpty(Columns& columns) {
  std::erase_if(columns, [](const Column& column) { return !HasAny(column); });
}

}  // namespace opssight::promql
