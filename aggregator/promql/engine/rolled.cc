#include "aggregator/promql/engine/rolled.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/functions/extrapolation.h"
#include "aggregator/query/rollup.h"

namespace opssight::promql {

namespace {

constexpr std::uint64_t kSamplesOfBucket = sizeof(TimeBucket) / sizeof(Sample);

// A window and what it holds; count is never 0.
struct RolledWindow {
  const TimeBucket& bucket;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};

double Grown(const RolledWindow& window, bool counter, bool per_second) {
  const TimeBucket& bucket = window.bucket;
  if (bucket.count < 2) return Absent();
  const double growth = bucket.last - bucket.first + (counter ? bucket.carry : 0);
  const Extrapolation extrapolation = {.first_ms = bucket.first_ms,
                                       .last_ms = bucket.last_ms,
                                       .samples = bucket.count,
                                       .counter = counter,
                                       .first = bucket.first,
                                       .growth = growth};
  return growth * extrapolation.Factor(window.start_ms, window.end_ms, per_second);
}

double Sum(const RolledWindow& window) {
  return window.bucket.sum + window.bucket.sum_low;
}
// The source has no buckets of finite values with a sum that is not.
double Mean(const RolledWindow& window) {
  const auto count = static_cast<double>(window.bucket.count);
  return window.bucket.sum / count + window.bucket.sum_low / count;
}

struct RolledFunction {
  std::string_view name;
  BucketParts parts;
  double (*run)(const RolledWindow& window);
};

constexpr BucketParts kCounterParts = {.first = true, .last = true, .carry = true};

constexpr auto kTable = std::to_array<RolledFunction>({
    {"absent_over_time", {}, [](const RolledWindow&) { return 1.0; }},
    {"avg_over_time", {.sum = true}, Mean},
    {"changes",
     {.first = true, .last = true, .changes = true},
     [](const RolledWindow& w) { return static_cast<double>(w.bucket.changes); }},
    {"count_over_time",
     {},
     [](const RolledWindow& w) { return static_cast<double>(w.bucket.count); }},
    {"delta",
     {.first = true, .last = true},
     [](const RolledWindow& w) { return Grown(w, false, false); }},
    {"first_over_time", {.first = true}, [](const RolledWindow& w) { return w.bucket.first; }},
    {"increase", kCounterParts, [](const RolledWindow& w) { return Grown(w, true, false); }},
    {"last_over_time", {.last = true}, [](const RolledWindow& w) { return w.bucket.last; }},
    {"max_over_time", {.max = true}, [](const RolledWindow& w) { return w.bucket.max; }},
    {"min_over_time", {.min = true}, [](const RolledWindow& w) { return w.bucket.min; }},
    {"present_over_time", {}, [](const RolledWindow&) { return 1.0; }},
    {"rate", kCounterParts, [](const RolledWindow& w) { return Grown(w, true, true); }},
    {"resets", kCounterParts,
     [](const RolledWindow& w) { return static_cast<double>(w.bucket.resets); }},
    {"sum_over_time", {.sum = true}, Sum},
    {"ts_of_first_over_time", {}, [](const RolledWindow& w) { return Seconds(w.bucket.first_ms); }},
    {"ts_of_last_over_time", {}, [](const RolledWindow& w) { return Seconds(w.bucket.last_ms); }},
});

const RolledFunction* Find(std::string_view name) {
  const auto* found = std::find_if(kTable.begin(), kTable.end(),
                                   [name](const auto& function) { return function.name == name; });
  return found == kTable.end() ? nullptr : found;
}

// Windows that end at the steps, as runs of slots: window i is the `slots` slots from
// i * stride on.
struct Windows {
  SlotQuery query;
  std::uint64_t stride = 1;
  std::uint64_t slots = 1;
};

bool IsMultiple(std::int64_t of, std::int64_t ms) {
  return ms % of == 0;
}

// Nothing near the borders of int64, where times end instead of going on.
bool IsFar(std::int64_t ms) {
  constexpr std::int64_t kFar = std::int64_t{1} << 53;
  return -kFar < ms && ms < kFar;
}

// range_of: of the resolution; the windows' width, 0: not with this resolution.
template <class RangeOf>
std::optional<Windows> FindWindows(const RollupSource& source, const TimeShift& shift,
                                   const Steps& steps, RangeOf&& range_of) {
  const bool one = steps.count == 1;
  if (shift.at_ms && !one) return std::nullopt;
  const std::int64_t end_ms = shift.Of(steps.At(0));
  const std::int64_t interval_ms = one ? 0 : steps.interval_ms;
  if (!IsFar(end_ms) || !IsFar(shift.Of(steps.At(steps.count - 1)))) return std::nullopt;
  for (const std::int64_t resolution_ms : source.Resolutions()) {
    const std::int64_t range_ms = range_of(resolution_ms);
    if (range_ms <= 0 || !IsFar(range_ms) || !IsMultiple(resolution_ms, range_ms) ||
        !IsMultiple(resolution_ms, end_ms) || !IsMultiple(resolution_ms, interval_ms)) {
      continue;
    }
    Windows windows = {.query = {.resolution_ms = resolution_ms,
                                 .first_end_ms = end_ms,
                                 .spacing_ms = interval_ms,
                                 .width_ms = range_ms,
                                 .count = steps.count,
                                 .parts = {}}};
    if (one || range_ms <= interval_ms) return windows;
    // Windows overlap: slots are as wide as all their borders allow.
    const std::int64_t slot_ms = std::gcd(range_ms, interval_ms);
    windows.stride = static_cast<std::uint64_t>(interval_ms / slot_ms);
    windows.slots = static_cast<std::uint64_t>(range_ms / slot_ms);
    windows.query.first_end_ms = end_ms - range_ms + slot_ms;
    windows.query.spacing_ms = slot_ms;
    windows.query.width_ms = slot_ms;
    windows.query.count = windows.stride * (steps.count - 1) + windows.slots;
    return windows;
  }
  return std::nullopt;
}

// Moves over a series' slots, window by window.
class MovingBucket {
 public:
  MovingBucket(const RolledSeries& series, const Windows& windows)
      : series_(series), windows_(windows) {}

  // The buckets of window i, joined; i only grows. looked_at: how many there were.
  TimeBucket At(std::uint64_t i, std::uint64_t& looked_at) {
    const std::uint64_t from = i * windows_.stride;
    while (begin_ < series_.slots.size() && series_.slots[begin_].slot < from) ++begin_;
    TimeBucket joined;
    for (std::size_t at = begin_; at < series_.slots.size(); ++at, ++looked_at) {
      if (series_.slots[at].slot >= from + windows_.slots) break;
      JoinBucket(series_.slots[at].bucket, joined);
    }
    return joined;
  }

 private:
  const RolledSeries& series_;
  const Windows& windows_;
  std::size_t begin_ = 0;
};

struct RolledRun {
  Query& query;
  const RolledFunction& function;
  const Windows& windows;
  const NodePlan& node;
  const Steps& steps;
};

Status FillColumn(const RolledRun& run, const RolledSeries& series, Column& column) {
  constexpr std::uint64_t kAskAfter = 100'000;  // Buckets, some ms.
  column.values.assign(run.steps.count, Absent());
  MovingBucket moving(series, run.windows);
  std::uint64_t looked_at = 0;
  std::uint64_t asked_at = 0;
  for (std::size_t step = 0; step < run.steps.count; ++step) {
    const TimeBucket bucket = moving.At(step, looked_at);
    if (looked_at - asked_at > kAskAfter) {
      asked_at = looked_at;
      OPS_RETURN_IF_ERROR(run.query.CheckWanted());
    }
    if (bucket.count == 0) continue;
    const std::int64_t end_ms = run.node.shift.Of(run.steps.At(step));
    column.values[step] = run.function.run(
        {.bucket = bucket, .start_ms = end_ms - run.node.range_ms, .end_ms = end_ms});
  }
  run.query.budget.Look(looked_at);
  if (!HasAny(column)) column.values.clear();
  return {};
}

const RollupSource* SourceOf(const Query& query, const VectorSelector& selector) {
  if (selector.extend != Extend::kNone || query.functions.use_start_timestamps) return nullptr;
  return query.use_rollups ? query.source.rollups() : nullptr;
}

Result<std::optional<std::vector<RolledSeries>>> Ask(Query& query, const RollupSource& source,
                                                     const VectorSelector& selector,
                                                     const SlotQuery& slots) {
  OPS_RETURN_IF_ERROR(query.CheckWanted());
  auto all = source.SelectSlots(selector.matchers, slots, query.request.limits);
  if (!all.has_value()) return std::move(all.error()).At("expanding series");
  return all;
}

Series NewestOf(RolledSeries rolled, const SlotQuery& slots) {
  Series series;
  series.labels = std::move(rolled.labels);
  for (const RolledSeries::Slot& slot : rolled.slots) {
    const TimeBucket& bucket = slot.bucket;
    if (bucket.count != 0) {
      series.samples.push_back({.time_ms = bucket.last_ms, .value = bucket.last});
    }
    // Its time matters only in that it is behind the last value and not behind the slot.
    if (bucket.stale) {
      series.samples.push_back({.time_ms = slots.EndOf(slot.slot), .value = Absent()});
    }
  }
  return series;
}

}  // namespace

Result<std::optional<Columns>> RolledRange(Query& query, const Call& call, const Expr& range,
                                           const Steps& steps) {
  const RolledFunction* function = Find(call.function->name);
  const auto* matrix = As<MatrixSelector>(range);
  if (function == nullptr || matrix == nullptr) return std::optional<Columns>();
  const RollupSource* source = SourceOf(query, *matrix->selector);
  if (source == nullptr) return std::optional<Columns>();
  const NodePlan& node = query.plan.Of(*matrix);
  auto windows = FindWindows(*source, node.shift, steps, [&](auto) { return node.range_ms; });
  if (!windows) return std::optional<Columns>();
  windows->query.parts = function->parts;
  OPS_TRY(auto all, Ask(query, *source, *matrix->selector, windows->query));
  if (!all) return std::optional<Columns>();
  const RolledRun run = {
      .query = query, .function = *function, .windows = *windows, .node = node, .steps = steps};
  Columns columns(all->size());
  const auto work = [&](std::size_t begin, std::size_t end, Annotations&) -> Status {
    for (std::size_t i = begin; i < end; ++i) {
      const RolledSeries series = std::move((*all)[i]);
      OPS_RETURN_IF_ERROR(FillColumn(run, series, columns[i]));
      columns[i].labels = series.labels;
      OPS_RETURN_IF_ERROR(query.budget.Take(SamplesOf(columns[i])));
    }
    return {};
  };
  OPS_RETURN_IF_ERROR(InPieces(query, all->size(), steps.count * kSamplesOfBucket, work));
  return std::optional<Columns>(std::move(columns));
}

Result<std::optional<std::vector<Series>>> RolledNewest(Query& query,
                                                        const VectorSelector& selector,
                                                        const Steps& steps) {
  using Answer = std::optional<std::vector<Series>>;
  const RollupSource* source = SourceOf(query, selector);
  const std::int64_t lookback_ms = query.functions.lookback_ms;
  if (source == nullptr || !IsFar(lookback_ms)) return Answer();
  const auto windows =
      FindWindows(*source, query.plan.Of(selector).shift, steps, [&](std::int64_t resolution_ms) {
        const std::int64_t up = lookback_ms + resolution_ms - 1;
        return up / resolution_ms * resolution_ms;
      });
  if (!windows) return Answer();
  SlotQuery slots = windows->query;
  slots.parts = {.last = true};
  OPS_TRY(auto all, Ask(query, *source, selector, slots));
  if (!all) return Answer();
  std::vector<Series> out;
  out.reserve(all->size());
  for (RolledSeries& series : *all) out.push_back(NewestOf(std::move(series), slots));
  return Answer(std::move(out));
}

}  // namespace opssight::promql
