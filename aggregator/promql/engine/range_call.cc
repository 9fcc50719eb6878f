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
#include "common/base/check.h"
#include "common/base/mutex.h"
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
bool IsBatch(const RangeShape& shape, const Series& series, const FunctionOptions& options) {
  return shape.extend == Extend::kNone && !shape.shift.at_ms && series.histograms.empty() &&
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
  const RangeBatch batch;                    // May be null.
  std::vector<std::vector<double>> scalars;  // A row a scalar argument, one value a step.
  std::vector<PosRange> arg_pos;
};

// Of samples and steps together, above which a series is the work of seconds: step by step it
// can be interrupted.
constexpr double kBatchMax = 4e8;

// False: it must go step by step.
bool RunBatch(const RangeRun& run, const RangeShape& shape, const RangeSeries& from,
              Column& column) {
  if (run.batch == nullptr || !IsBatch(shape, from.series, run.query.functions)) return false;
  const auto samples = static_cast<double>(from.series.samples.size());
  if (samples * static_cast<double>(run.steps.count) > kBatchMax) return false;
  const BatchWindows windows = {.first_end_ms = shape.shift.Of(run.steps.At(0)),
                                .interval_ms = run.steps.interval_ms,
                                .range_ms = shape.range_ms};
  if (!IsFarFromBorders(windows, run.steps)) return false;
  run.query.budget.Look(run.batch(from.series.samples, windows, column.values));
  if (!HasAny(column)) column.values.clear();
  return true;
}

// One series through all steps.
Status RunSeries(const RangeRun& run, const RangeShape& shape, const RangeSeries& from,
                 Annotations& annotations, Column& column) {
  column.values.assign(run.steps.count, Absent());
  if (RunBatch(run, shape, from, column)) return {};
  MovingWindow moving(shape, from.series);
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

// rate and increase of what does not look like a counter, once a series.
void NoteNoCounter(const CallRun& run, const Labels& labels, const Column& column,
                   Annotations& annotations) {
  const std::string_view name = labels.Get(kMetricName);
  if ((run.function.name != "rate" && run.function.name != "increase") || name.empty()) return;
  if (run.query.functions.type_and_unit_labels) {
    const std::string_view type = labels.Get("__type__");
    if (type == "counter" || type == "histogram" || !column.HasFloats()) return;
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
  if (named || !column.HasFloats()) return;
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

// A portion of the call's series.
Result<Columns> RunPortion(const RangeRun& run, RangeInput input, Annotations& annotations) {
  Columns columns;
  columns.reserve(input.series.size());
  for (RangeSeries& one : input.series) {
    // Its samples go at once: the next columns stand in their memory.
    RangeSeries from = std::move(one);
    Column column;
    OPS_RETURN_IF_ERROR(RunSeries(run, input.shape, from, annotations, column));
    if (column.values.empty()) continue;
    column.drop_name = from.drop_name;
    Finish(run, std::move(from.series.labels), annotations, column);
    OPS_RETURN_IF_ERROR(run.query.budget.Take(SamplesOf(column)));
    columns.push_back(std::move(column));
  }
  return columns;
}

void FinishRolled(const CallRun& run, Columns& columns) {
  std::erase_if(columns, [](const Column& column) { return column.values.empty(); });
  for (Column& column : columns) {
    Finish(run, std::move(column.labels), run.query.annotations, column);
  }
}

Result<Columns> EvaluateRangeArgument(Query& query, const Call& call, const Expr& arg,
                                      const Steps& steps, const RangeWork& work) {
  if (const auto* range = As<MatrixSelector>(arg)) {
    OPS_RETURN_IF_ERROR(CheckExtend(range->selector->extend, call.function->name));
  }
  return EvaluateRangeColumns(query, arg, steps, work);
}

// At which steps any series has something in its window.
class Presence {
 public:
  Presence(const Query& query, const Steps& steps)
      : query_(query), steps_(steps), present_(steps.count, false) {}

  void Add(const Columns& columns) {
    for (const Column& column : columns) {
      for (std::size_t step = 0; step < column.values.size(); ++step) {
        if (column.HasFloat(step)) Note(step);
      }
    }
  }

  // Does no work once all steps are known to have something.
  Status Add(const RangeInput& input) {
    std::size_t moved = 0;
    for (const RangeSeries& from : input.series) {
      if (known_ == steps_.count) return {};
      MovingWindow moving(input.shape, from.series);
      for (std::size_t step = 0; step < steps_.count; ++step) {
        if (moving.MoveTo(steps_.At(step))) Note(step);
      }
      moved += steps_.count;
      if (moved > kAskAfter) {
        moved = 0;
        OPS_RETURN_IF_ERROR(query_.CheckWanted());
      }
    }
    return {};
  }

  bool Has(std::size_t step) const { return present_[step]; }

 private:
  void Note(std::size_t step) {
    known_ += present_[step] ? 0 : 1;
    present_[step] = true;
  }

  const Query& query_;
  const Steps& steps_;
  std::vector<bool> present_;
  std::size_t known_ = 0;
};

Result<Presence> FindPresence(Query& query, const Call& call, const Expr& arg, const Steps& steps) {
  Presence presence(query, steps);
  OPS_TRY(const auto rolled, RolledRange(query, call, arg, steps));
  if (rolled) {
    presence.Add(*rolled);
    return presence;
  }
  Mutex mutex;  // Portions come on any of the query's threads.
  const auto look = [&](const RangeInput& input, Annotations&) -> Result<Columns> {
    const MutexLock lock(mutex);
    OPS_RETURN_IF_ERROR(presence.Add(input));
    return Columns();
  };
  OPS_TRY(const Columns none, EvaluateRangeArgument(query, call, arg, steps, look));
  OPS_CHECK(none.empty(), "presence has no columns");
  return presence;
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
    const RangeRun run = {shared, FindRangeBatch(function.name), std::move(scalars),
                          std::move(arg_pos)};
    const auto work = [&run](RangeInput input, Annotations& annotations) {
      return RunPortion(run, std::move(input), annotations);
    };
    OPS_TRY(columns, EvaluateRangeArgument(query, call, arg, steps, work));
  }
  if (query.functions.delayed_name_removal || function.keeps_name) return columns;
  return MergeSameLabels(std::move(columns));
}

Result<Columns> EvaluateAbsentOverTime(Query& query, const Call& call, const Steps& steps) {
  const Expr& arg = Unparenthesized(*call.args[0]);
  OPS_TRY(const Presence present, FindPresence(query, call, arg, steps));
  Column column = {.labels = AbsentLabels(arg)};
  column.values.assign(steps.count, Absent());
  for (std::size_t step = 0; step < steps.count; ++step) {
    if (!present.Has(step)) column.values[step] = 1;
  }
  Columns columns;
  if (HasAny(column)) columns.push_back(std::move(column));
  return columns;
}

}  // namespace opssight::promql
