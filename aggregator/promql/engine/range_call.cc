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
#include "aggregator/promql/engine/rolled.h"
#include "aggregator/promql/functions/absent_labels.h"
#include "aggregator/promql/functions/range_batch.h"
#include "common/text/quote.h"

namespace opssight::promql {

namespace {

constexpr std::array<std::string_view, 5> kAnchored = {"changes", "delta", "increase", "rate",
                                                       "resets"};
constexpr std::array<std::string_view, 3> kSmoothed = {"delta", "increase", "rate"};

constexpr std::uint64_t kAskAfter = 1'000'000;  // Samples, some ms.

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

// Whether all of a series' windows can be computed at once.
bool IsBatch(const RangeInput& input, const Series& series, const FunctionOptions& options) {
  return input.extend == Extend::kNone && !input.shift.at_ms && series.histograms.empty() &&
         (!options.use_start_timestamps || series.sample_starts.empty());
}

// Nothing near the borders of int64, where times end instead of going on.
bool IsFarFromBorders(const BatchWindows& windows, const Steps& steps) {
  constexpr std::int64_t kFar = std::int64_t{1} << 61;
  const auto far = [](std::int64_t ms) { return -kFar < ms && ms < kFar; };
  return far(windows.first_end_ms) && far(windows.range_ms) && far(windows.interval_ms) &&
         far(steps.start_ms) && far(steps.At(steps.count - 1));
}

// What one call's runs over all series share.
struct CallRun {
  Query& query;
  const RangeFunctionInfo& function;
  const Steps& steps;
  PosRange range_pos;
};
struct RangeRun : CallRun {
  const RangeBatch batch;  // May be null.
  RangeInput& input;
  std::vector<std::vector<double>> scalars;  // A row a scalar argument, one value a step.
  std::vector<PosRange> arg_pos;
};

// False: it must go step by step.
bool RunBatch(const RangeRun& run, const RangeSeries& from, Column& column) {
  if (run.batch == nullptr || !IsBatch(run.input, from.series, run.query.functions)) return false;
  const BatchWindows windows = {.first_end_ms = run.input.shift.Of(run.steps.At(0)),
                                .interval_ms = run.steps.interval_ms,
                                .range_ms = run.input.range_ms};
  if (!IsFarFromBorders(windows, run.steps)) return false;
  run.query.budget.Look(run.batch(from.series.samples, windows, column.values));
  if (!HasAny(column)) column.values.clear();
  return true;
}

// One series through all steps.
Status RunSeries(const RangeRun& run, const RangeSeries& from, Annotations& annotations,
                 Column& column) {
  column.values.assign(run.steps.count, Absent());
  if (RunBatch(run, from, column)) return {};
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
  std::uint64_t asked_at = 0;
  bool found = false;
  for (std::size_t step = 0; step < run.steps.count; ++step) {
    if (!moving.MoveTo(run.steps.At(step))) continue;
    looked_at += moving.window().floats.size() + moving.window().histograms.size();
    // A long window at many steps: one series can be the work of hours.
    if (looked_at - asked_at > kAskAfter) {
      asked_at = looked_at;
      OPS_RETURN_IF_ERROR(run.query.CheckWanted());
    }
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

bool HasFloats(const Column& column) {
  return std::any_of(column.values.begin(), column.values.end(),
                     [](double value) { return !IsAbsent(value); });
}

// rate and increase of what does not look like a counter, once a series.
void NoteNoCounter(const CallRun& run, const Labels& labels, const Column& column,
                   Annotations& annotations) {
  const std::string_view name = labels.Get(kMetricName);
  if ((run.function.name != "rate" && run.function.name != "increase") || name.empty()) return;
  if (run.query.functions.type_and_unit_labels) {
    const std::string_view type = labels.Get("__type__");
    if (type == "counter" || type == "histogram" || !HasFloats(column)) return;
    annotations.Info(
        fmt::format("metric might not be a counter, __type__ label is not set to \"counter\" or "
                    "\"histogram\", got {}: {}",
                    QuoteGo(type), QuoteGo(name)),
        run.range_pos);
    return;
  }
  constexpr std::array<std::string_view, 4> kSuffixes = {"_total", "_sum", "_count", "_bucket"};
  const bool named =
      std::any_of(kSuffixes.begin(), kSuffixes.end(),
                  [name](std::string_view suffix) { return name.ends_with(suffix); });
  if (named || !HasFloats(column)) return;
  annotations.Info(fmt::format("metric might not be a counter, name does not end in "
                               "_total/_sum/_count/_bucket: {}",
                               QuoteGo(name)),
                   run.range_pos);
}

// The column of a series with these labels, which has values.
void Finish(const CallRun& run, Labels labels, Annotations& annotations, Column& column) {
  NoteNoCounter(run, labels, column, annotations);
  column.labels = std::move(labels);
  if (!run.function.keeps_name) DropName(column, run.query.functions);
}

Result<Columns> RunAll(RangeRun& run) {
  std::vector<RangeSeries>& all = run.input.series;
  Columns columns(all.size());
  const auto work = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    for (std::size_t i = begin; i < end; ++i) {
      Column& column = columns[i];
      // Its samples go at once: the next columns stand in their memory.
      RangeSeries from = std::move(all[i]);
      OPS_RETURN_IF_ERROR(RunSeries(run, from, annotations, column));
      if (column.values.empty()) continue;
      column.drop_name = from.drop_name;
      Finish(run, std::move(from.series.labels), annotations, column);
      OPS_RETURN_IF_ERROR(run.query.budget.Take(SamplesOf(column)));
    }
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(run.query, all.size(), run.steps.count * 8, work));
  std::erase_if(columns, [](const Column& column) { return column.values.empty(); });
  return columns;
}

void FinishRolled(const CallRun& run, Columns& columns) {
  std::erase_if(columns, [](const Column& column) { return column.values.empty(); });
  for (Column& column : columns) {
    Finish(run, std::move(column.labels), run.query.annotations, column);
  }
}

Result<RangeInput> EvaluateRangeArgument(Query& query, const Call& call, const Expr& arg,
                                         const Steps& steps) {
  if (const auto* range = As<MatrixSelector>(arg)) {
    OPS_RETURN_IF_ERROR(CheckExtend(range->selector->extend, call.function->name));
  }
  return EvaluateRange(query, arg, steps);
}

// At which steps any series has something in its window.
Result<std::vector<bool>> PresentSteps(Query& query, const Call& call, const Expr& arg,
                                       const Steps& steps) {
  std::vector<bool> present(steps.count, false);
  OPS_TRY(const auto rolled, RolledRange(query, call, arg, steps));
  if (rolled) {
    for (const Column& column : *rolled) {
      for (std::size_t step = 0; step < column.values.size(); ++step) {
        if (column.HasFloat(step)) present[step] = true;
      }
    }
    return present;
  }
  OPS_TRY(const RangeInput input, EvaluateRangeArgument(query, call, arg, steps));
  for (const RangeSeries& from : input.series) {
    MovingWindow moving(input, from.series);
    for (std::size_t step = 0; step < steps.count; ++step) {
      if (moving.MoveTo(steps.At(step))) present[step] = true;
    }
  }
  return present;
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
  const CallRun shared = {
      .query = query, .function = function, .steps = steps, .range_pos = arg.pos};
  Columns columns;
  OPS_TRY(auto rolled, RolledRange(query, call, arg, steps));
  if (rolled) {
    columns = *std::move(rolled);
    FinishRolled(shared, columns);
  } else {
    OPS_TRY(RangeInput input, EvaluateRangeArgument(query, call, arg, steps));
    RangeRun run = {shared, FindRangeBatch(function.name), input, std::move(scalars),
                    std::move(arg_pos)};
    OPS_TRY(columns, RunAll(run));
  }
  if (query.functions.delayed_name_removal || function.keeps_name) return columns;
  return MergeSameLabels(std::move(columns));
}

Result<Columns> EvaluateAbsentOverTime(Query& query, const Call& call, const Steps& steps) {
  const Expr& arg = Unparenthesized(*call.args[0]);
  OPS_TRY(const std::vector<bool> present, PresentSteps(query, call, arg, steps));
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
