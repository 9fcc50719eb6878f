#include "aggregator/promql/engine/calls.h"

#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/info.h"
#include "aggregator/promql/engine/instant_selector.h"
#include "aggregator/promql/engine/range_call.h"

namespace opssight::promql {

namespace {

Arg Vector(Columns columns) {
  Arg value;
  value.columns = std::move(columns);
  return value;
}

// Names taken off at once may make two series one.
Result<Columns> Unnamed(Query& query, Columns columns) {
  for (Column& column : columns) DropName(column, query.functions);
  if (query.functions.delayed_name_removal) return columns;
  return MergeSameLabels(std::move(columns));
}

// timestamp(sel) and start_timestamp(sel): the times of the samples themselves, which only
// the selector knows.
Result<Columns> EvaluateSampleTimes(Query& query, const VectorSelector& selector,
                                    const Steps& steps, SampleField field) {
  OPS_TRY(Columns columns, EvaluateSelector(query, selector, steps, field));
  for (Column& column : columns) {
    for (double& value : column.values) {
      if (!IsAbsent(value)) value /= 1000;
    }
  }
  return Unnamed(query, std::move(columns));
}

Result<Arg> EvaluateVectorCall(Query& query, const Call& call, const VectorFunctionInfo& function,
                               const Steps& steps) {
  std::vector<Arg> args;
  for (const ExprPtr& arg : call.args) {
    OPS_TRY(Arg value, Evaluate(query, Unparenthesized(*arg), steps));
    args.push_back(std::move(value));
  }
  VectorArgs vector_args = {.call = call,
                            .args = std::move(args),
                            .steps = steps,
                            .instant = query.instant(),
                            .query_start_ms = query.request.start_ms,
                            .query_end_ms = query.request.end_ms,
                            .query_step_ms = query.request.step_ms,
                            .options = query.functions,
                            .annotations = query.annotations,
                            .grow = [&query](std::uint64_t samples) -> Status {
                              OPS_RETURN_IF_ERROR(query.CheckWanted());
                              query.budget.CountLabels();
                              return query.budget.Take(samples);
                            }};
  OPS_TRY(Columns columns, function.run(vector_args));
  if (call.type() != ValueType::kScalar) return Vector(std::move(columns));
  if (columns.size() != 1) {
    return Internal(fmt::format("{}() gave no scalar", call.function->name));
  }
  Arg value;
  value.type = ValueType::kScalar;
  value.scalars = std::move(columns.front().values);
  return value;
}

}  // namespace

Result<Arg> EvaluateCall(Query& query, const Call& call, const Steps& steps) {
  const std::string_view name = call.function->name;
  const auto* selector =
      call.args.empty() ? nullptr : As<VectorSelector>(Unparenthesized(*call.args[0]));
  if (name == "timestamp" && selector != nullptr) {
    OPS_TRY(Columns columns, EvaluateSampleTimes(query, *selector, steps, SampleField::kTime));
    return Vector(std::move(columns));
  }
  if (name == "start_timestamp") {
    // Of what is computed no start is known.
    if (selector == nullptr) return Vector({});
    OPS_TRY(Columns columns, EvaluateSampleTimes(query, *selector, steps, SampleField::kStart));
    return Vector(std::move(columns));
  }
  if (name == "info") {
    OPS_TRY(Columns columns, EvaluateInfo(query, call, steps));
    return Vector(std::move(columns));
  }
  if (name == "absent_over_time") {
    OPS_TRY(Columns columns, EvaluateAbsentOverTime(query, call, steps));
    return Vector(std::move(columns));
  }
  if (const RangeFunctionInfo* function = FindRangeFunction(name)) {
    OPS_TRY(Columns columns, EvaluateRangeCall(query, call, *function, steps));
    return Vector(std::move(columns));
  }
  if (const VectorFunctionInfo* function = FindVectorFunction(name)) {
    return EvaluateVectorCall(query, call, *function, steps);
  }
  return Internal(fmt::format("function {}() is known to the parser but to nobody else", name));
}

}  // namespace opssight::promql
