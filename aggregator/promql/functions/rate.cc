// rate, increase, delta: what grew within the range, drawn out to its borders.
#include <algorithm>
#include <memory>
#include <utility>

#include "aggregator/promql/functions/extrapolation.h"
#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/start_times.h"

namespace opssight::promql {

namespace {

template <class Item>
bool AnyOverlap(std::span<const Item> items, std::span<const std::int64_t> starts) {
  for (std::size_t i = 1; i < starts.size(); ++i) {
    if (StartsOverlap(items[i - 1].time_ms, starts[i - 1], starts[i])) return true;
  }
  return false;
}

// When the first sample began to count, where that is within the range: it grew from zero.
template <class Item>
std::int64_t StartWithin(const Window& window, std::span<const Item> items,
                         std::span<const std::int64_t> starts) {
  if (starts.empty()) return 0;
  const std::int64_t start_ms = starts.front();
  const bool within = start_ms > window.start_ms && start_ms < items.front().time_ms;
  return within ? start_ms : 0;
}

Value FloatGrowth(const RangeArgs& args, bool counter, bool per_second,
                  std::span<const std::int64_t> starts) {
  const std::span<const Sample> floats = args.window.floats;
  const std::int64_t since_ms = counter ? StartWithin(args.window, floats, starts) : 0;
  if (floats.size() < 2 && since_ms == 0) return {};
  double growth = floats.back().value - floats.front().value;
  if (counter) {
    for (std::size_t i = 1; i < floats.size(); ++i) {
      const double before = floats[i - 1].value;
      if (floats[i].value < before || StartsAnew(floats, starts, i)) growth += before;
    }
    if (AnyOverlap(floats, starts)) {
      WarnOfSeries(args,
                   "sample has start time that overlaps with previous sample timestamp for metric");
    }
    if (since_ms != 0) growth += floats.front().value;
  }
  const Extrapolation extrapolation = {.first_ms = floats.front().time_ms,
                                       .last_ms = floats.back().time_ms,
                                       .samples = floats.size(),
                                       .counts_since_ms = since_ms,
                                       .counter = counter,
                                       .first = floats.front().value,
                                       .growth = growth};
  return {
      .value = growth * extrapolation.Factor(args.window.start_ms, args.window.end_ms, per_second),
      .histogram = {}};
}

Value GrowthOfHistograms(const RangeArgs& args, bool counter, bool per_second,
                         std::span<const std::int64_t> starts) {
  const std::span<const HistogramSample> samples = args.window.histograms;
  const std::int64_t since_ms = counter ? StartWithin(args.window, samples, starts) : 0;
  if (samples.size() < 2 && since_ms == 0) return {};
  const HistogramPtr grown =
      HistogramGrowth(args, samples, counter ? starts : decltype(starts)(), counter);
  if (!grown) return {};
  if (counter && AnyOverlap(samples, starts)) {
    WarnOfSeries(args,
                 "sample has start time that overlaps with previous sample timestamp for metric");
  }
  auto growth = std::make_shared<Histogram>(*grown);
  if (since_ms != 0) {
    const MergeNotes notes = Merge(*growth, *samples.front().histogram, 1, nullptr);
    if (notes.incompatible) return {};
    growth->hint = ResetHint::kGauge;
  }
  const Extrapolation extrapolation = {.first_ms = samples.front().time_ms,
                                       .last_ms = samples.back().time_ms,
                                       .samples = samples.size(),
                                       .counts_since_ms = since_ms,
                                       .counter = counter,
                                       .first = samples.front().histogram->count,
                                       .growth = growth->count};
  Scale(*growth, extrapolation.Factor(args.window.start_ms, args.window.end_ms, per_second));
  return {.value = Absent(), .histogram = std::move(growth)};
}

Result<Value> Grown(const RangeArgs& args, Growth growth) {
  const Window& window = args.window;
  if (window.extend != Extend::kNone) return ExtendedGrowth(args, growth);
  if (!window.floats.empty() && !window.histograms.empty()) {
    WarnMixedTypes(args);
    return Value();
  }
  const bool use_starts = args.options.use_start_timestamps;
  const bool counter = growth != Growth::kDelta;
  const bool per_second = growth == Growth::kRate;
  if (!window.floats.empty()) {
    return FloatGrowth(args, counter, per_second,
                       use_starts ? window.float_starts : std::span<const std::int64_t>());
  }
  if (window.histograms.empty()) return Value();
  return GrowthOfHistograms(args, counter, per_second,
                            use_starts ? window.histogram_starts : std::span<const std::int64_t>());
}

// Warns where some of the samples are not of the kind that the function is for.
void CheckKind(const RangeArgs& args, std::span<const HistogramSample> samples, bool counter) {
  const auto gauge = [](const HistogramSample& sample) {
    return sample.histogram->hint == ResetHint::kGauge;
  };
  if (counter) {
    if (std::any_of(samples.begin(), samples.end(), gauge)) WarnNoCounter(args);
  } else if (!gauge(samples.front()) || !gauge(samples.back())) {
    WarnNoGauge(args);
  }
}

bool MixesSchemas(std::span<const HistogramSample> samples, bool custom, bool counter) {
  const auto other = [custom](const HistogramSample& sample) {
    return sample.histogram->custom() != custom;
  };
  // Of a gauge only the ends matter.
  return counter ? std::any_of(samples.begin() + 1, samples.end(), other) : other(samples.back());
}

}  // namespace

HistogramPtr HistogramGrowth(const RangeArgs& args, std::span<const HistogramSample> samples,
                             std::span<const std::int64_t> starts, bool counter) {
  CheckKind(args, samples, counter);
  const auto anew = [&](std::size_t i, const Histogram& previous) {
    return DetectReset(*samples[i].histogram, previous) || StartsAnew(samples, starts, i);
  };
  Histogram nothing;
  const Histogram* previous = samples.front().histogram.get();
  // Before a reset at once nothing was: its layout does not matter.
  bool skip_first = false;
  if (counter && samples.size() > 1 && DetectReset(*samples[1].histogram, *previous)) {
    const Histogram& second = *samples[1].histogram;
    nothing.schema = second.schema;
    nothing.custom_values = second.custom_values;
    nothing.zero_threshold = second.zero_threshold;
    previous = &nothing;
    skip_first = true;
  }
  if (MixesSchemas(samples, previous->custom(), counter)) {
    WarnMixedSchemas(args);
    return nullptr;
  }
  auto growth = std::make_shared<Histogram>(*samples.back().histogram);
  if (Merge(*growth, *previous, -1, nullptr).bounds_reconciled) NoteReconciled(args, "subtraction");
  for (std::size_t i = skip_first ? 2 : 1; counter && i < samples.size(); ++i) {
    const Histogram& before = *samples[i - 1].histogram;
    if (!anew(i, before)) continue;
    if (Merge(*growth, before, 1, nullptr).bounds_reconciled) NoteReconciled(args, "addition");
  }
  growth->hint = ResetHint::kGauge;
  Compact(*growth);
  return growth;
}

Result<Value> Rate(const RangeArgs& args) {
  return Grown(args, Growth::kRate);
}
Result<Value> Increase(const RangeArgs& args) {
  return Grown(args, Growth::kIncrease);
}
Result<Value> Delta(const RangeArgs& args) {
  return Grown(args, Growth::kDelta);
}

}  // namespace opssight::promql
