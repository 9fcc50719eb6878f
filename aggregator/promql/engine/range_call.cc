#include "aggregator/promql/engine/range_call.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/range_input.h"
#include "aggregator/promql/functions/absent_labels.h"

namespace opssight::promql {

namespace {

constexpr std::array<std::string_view, 5> kAnchored = {"changes", "delta", "increase", "rate",
                                                       "resets"};
constexpr std::array<std::string_view, 3> kSmoothed = {"delta", "increase", "rate"};

Status CheckExtend(Extend extend, std::string_view function) {
  const auto refuse = [&](std::string_view modifier, const auto& allowed) -> Status {
    if (std::find(allowed.begin(), allowed.end(), function) != allowed.end()) return {};
    return Invalid(fmt::format("{} modifier can only be used with: {} - not with {}", modifier,
                               fmt::join(allowed, ", "), function));
  };
  if (extend == Extend::kAnchored) return refuse("anchored", kAnchored);
  if (extend == Extend::kSmoothed) return refuse("smoothed", kSmoothed);
  return {};
}

// What one call's runs over all series share.
struct RangeRun {
  Query& query;
  const RangeFunctionInfo& function;
  const RangeInput& input;
  const Steps& steps;
  std::vector<std::vector<double>> scalars;  // A row a scalar argument, one value a step.
  std::vector<PosRange> arg_pos;
  PosRange range_pos;
};

// One series through all steps.
Status RunSeries(const RangeRun& run, const RangeSeries& from, Annotations& annotations,
                 Column& column) {
  column.values.assign(run.steps.count, Absent());
  MovingWindow moving(run.input, from.series);
  std::vector<double> scalars(run.scalars.size());
  const RangeArgs args = {.window = moving.window(),
                          .scalars = scalars,
                          .labels = from.series.labels,
                          .range_pos = run.range_pos,
                          .arg_pos = run.arg_pos,
                          .function = run.function.name,
                          .options = run.query.functions,
                          .annotations = annotations};
  std::uint64_t looked_at = 0;
  bool found = false;
  for (std::size_t step = 0; step < run.steps.count; ++step) {
    if (!moving.MoveTo(run.steps.At(step))) continue;
    looked_at += moving.window().floats.size() + moving.window().histograms.size();
    for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i] = run.scalars[i][step];
    OPS_TRY(Value value, run.function.run(args));
    if (value.histogram) {
      if (column.histograms.empty()) column.histograms.resize(run.steps.count);
      column.histograms[step] = std::move(value.histogram);
      found = true;
    } else if (!IsAbsent(value.value)) {
      column.values[step] = value.value;
      found = true;
    }
  }
  run.query.budget.Look(looked_at);
  if (!found) column.values.clear();
  return {};
}

Result<Columns> RunAll(RangeRun& run) {
  const std::vector<RangeSeries>& all = run.input.series;
  Columns columns(all.size());
  const auto work = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    for (std::size_t i = begin; i < end; ++i) {
      Column& column = columns[i];
      OPS_RETURN_IF_ERROR(RunSeries(run, all[i], annotations, column));
      if (column.values.empty()) continue;
      column.labels = all[i].series.labels;
      column.drop_name = all[i].drop_name;
      if (!run.function.keeps_name) DropName(column, run.query.functions);
      OPS_RETURN_IF_ERROR(run.query.budget.Take(SamplesOf(column)));
    }
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(run.query, all.size(), run.steps.count * 8, work));
  std::erase_if(columns, [](const Column& column) { return column.values.empty(); });
  return columns;
}

Result<RangeInput> EvaluateRangeArgument(Query& query, const Call& call, const Expr& arg,
                                         const Steps& steps) {
  if (const auto* range = As<MatrixSelector>(arg)) {
    OPS_RETURN_IF_ERROR(CheckExtend(range->selector->extend, call.function->name));
  }
  return EvaluateRange(query, arg, steps);
}

}  // namespace

std::size_t RangeArgument(const Call& call) {
  const auto it = std::find_if(call.args.begin(), call.args.end(),
                               [](const ExprPtr& arg) { return IsRange(Unparenthesized(*arg)); });
  return static_cast<std::size_t>(it - call.args.begin());
}

Result<Columns> EvaluateRangeCall(Query& query, const Call& call, const RangeFunctionInfo& function,
                                  const Steps& steps) {
  const std::size_t range_arg = RangeArgument(call);
  if (range_arg == call.args.size()) return Internal("a range function lacks its range");
  std::vector<std::vector<double>> scalars;
  std::vector<PosRange> arg_pos;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    arg_pos.push_back(Unparenthesized(*call.args[i]).pos);
    if (i == range_arg) continue;
    OPS_TRY(std::vector<double> row, EvaluateScalar(query, *call.args[i], steps));
    scalars.push_back(std::move(row));
  }
  const Expr& arg = Unparenthesized(*call.args[range_arg]);
  OPS_TRY(const RangeInput input, EvaluateRangeArgument(query, call, arg, steps));
  RangeRun run = {.query = query,
                  .function = function,
                  .input = input,
                  .steps = steps,
                  .scalars = std::move(scalars),
                  .arg_pos = std::move(arg_pos),
                  .range_pos = arg.pos};
  OPS_TRY(Columns columns, RunAll(run));
  if (query.functions.delayed_name_removal || function.keeps_name) return columns;
  return MergeSameLabels(std::move(columns));
}

Result<Columns> EvaluateAbsentOverTime(Query& query, const Call& call, const Steps& steps) {
  const Expr& arg = Unparenthesized(*call.args[0]);
  OPS_TRY(const RangeInput input, EvaluateRangeArgument(query, call, arg, steps));
  std::vector<bool> present(steps.count, false);
  for (const RangeSeries& from : input.series) {
    MovingWindow moving(input, from.series);
    for (std::size_t step = 0; step < steps.count; ++step) {
      if (moving.MoveTo(steps.At(step))) present[step] = true;
    }
  }
  Column column = {.labels = AbsentLabels(arg)};
  column.values.assign(steps.count, Absent());
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (!present[step]) column.values[step] = 1;
  }
  Columns columns;
  if (HasAny(column)) columns.push_back(std::move(column));
  return columns;
}

}  // namespace opssight::promql
