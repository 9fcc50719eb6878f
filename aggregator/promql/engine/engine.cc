#include "aggregator/promql/engine/engine.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/plan.h"
#include "aggregator/promql/engine/query.h"
#include "aggregator/promql/engine/result.h"
#include "aggregator/promql/engine/times.h"

namespace opssight::promql {

namespace {

tl::unexpected<QueryError> BadData(std::string message) {
  return tl::unexpected(
      QueryError{.kind = QueryErrorKind::kBadData, .message = std::move(message)});
}

// What went wrong while evaluating, as it is told.
tl::unexpected<QueryError> Failed(Error error, const QueryRequest& request) {
  const auto fail = [](QueryErrorKind kind, std::string message) {
    return tl::unexpected(QueryError{.kind = kind, .message = std::move(message)});
  };
  switch (error.code) {
    case ErrorCode::kUnavailable:
      if (request.timed_out && request.timed_out()) {
        return fail(QueryErrorKind::kTimeout, "query timed out in expression evaluation");
      }
      if (request.limits.cancelled && request.limits.cancelled()) {
        return fail(QueryErrorKind::kCanceled, "query was canceled in expression evaluation");
      }
      return fail(QueryErrorKind::kInternal, std::move(error.message));
    case ErrorCode::kInvalid:
    case ErrorCode::kExhausted:
      return fail(QueryErrorKind::kExecution, std::move(error.message));
    default:
      return fail(QueryErrorKind::kInternal, std::move(error.message));
  }
}

Steps StepsOf(const QueryRequest& request) {
  if (request.step_ms == 0) return {.start_ms = request.start_ms};
  const std::int64_t range_ms = SubMs(request.end_ms, request.start_ms);
  return {.start_ms = request.start_ms,
          .interval_ms = request.step_ms,
          .count = static_cast<std::size_t>(range_ms / request.step_ms) + 1};
}

Result<ExprPtr> Parse(const QueryRequest& request, const EngineOptions& options) {
  OPS_TRY(ExprPtr expr, ParseExpr(request.text, options.parse));
  const ValueType type = expr->type();
  if (request.step_ms != 0 && type != ValueType::kScalar && type != ValueType::kVector) {
    return Invalid(fmt::format(
        "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
        ToText(type)));
  }
  return expr;
}

}  // namespace

tl::expected<QueryResult, QueryError> Engine::Run(const SeriesSource& source,
                                                  const QueryRequest& request) const {
  if (request.step_ms < 0 || request.end_ms < request.start_ms) {
    return BadData("end timestamp must not be before start time");
  }
  Result<ExprPtr> expr = Parse(request, options_);
  if (!expr.has_value()) return BadData(std::move(expr.error().message));
  const PlanTimes times = {
      .start_ms = request.start_ms,
      .end_ms = request.step_ms == 0 ? request.start_ms : request.end_ms,
      .step_ms = request.step_ms,
      .subquery_step_ms = std::max<std::int64_t>(1, options_.subquery_step_ms)};
  Result<Plan> plan = Plan::Make(**expr, times);
  if (!plan.has_value()) return BadData(std::move(plan.error().message));

  Query query = {.source = source,
                 .request = request,
                 .plan = *plan,
                 .functions = {.delayed_name_removal = options_.delayed_name_removal,
                               .use_start_timestamps = options_.use_start_timestamps,
                               .type_and_unit_labels = options_.type_and_unit_labels,
                               .lookback_ms = request.lookback_ms > 0 ? request.lookback_ms
                                                                      : options_.lookback_ms},
                 .use_rollups = options_.rollups,
                 .threads = options_.threads,
                 .budget = SampleBudget(request.limits.samples_max),
                 .annotations = {}};
  const Steps steps = StepsOf(request);
  if (steps.count > query.budget.max()) {
    return Failed(std::move(query.budget.Take(steps.count).error()), request);
  }
  Result<QueryValue> value = Answer(query, **expr, steps);
  if (!value.has_value()) return Failed(std::move(value.error()), request);
  return QueryResult{
      .value = *std::move(value),
      .annotations = std::move(query.annotations),
      .stats = {.samples_total = query.budget.looked_at(), .samples_peak = query.budget.peak()}};
}

}  // namespace opssight::promql
