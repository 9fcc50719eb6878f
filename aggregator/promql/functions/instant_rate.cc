// irate, idelta: the last two samples.
#include <array>
#include <memory>
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/seconds.h"
#include "aggregator/promql/functions/start_times.h"

namespace opssight::promql {

namespace {

struct Last {
  std::int64_t time_ms = 0;
  std::int64_t start_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;  // Null: a float.
};

// The last of floats and histograms that come before the given ends; they move.
Last TakeLast(const Window& window, std::size_t& floats, std::size_t& histograms) {
  const bool is_float =
      histograms == 0 ||
      (floats > 0 && window.floats[floats - 1].time_ms > window.histograms[histograms - 1].time_ms);
  if (is_float) {
    const std::size_t i = --floats;
    return {.time_ms = window.floats[i].time_ms,
            .start_ms = window.float_starts.empty() ? 0 : window.float_starts[i],
            .value = window.floats[i].value};
  }
  const std::size_t i = --histograms;
  return {.time_ms = window.histograms[i].time_ms,
          .start_ms = window.histogram_starts.empty() ? 0 : window.histogram_starts[i],
          .histogram = window.histograms[i].histogram.get()};
}

// Null: they do not go together (noted).
std::shared_ptr<Histogram> HistogramChange(const RangeArgs& args, const Last& before,
                                           const Last& last, bool rate, bool anew) {
  const ResetHint a = before.histogram->hint;
  const ResetHint b = last.histogram->hint;
  if (rate && (a == ResetHint::kGauge || b == ResetHint::kGauge)) WarnNoCounter(args);
  if (!rate && (a != ResetHint::kGauge || b != ResetHint::kGauge)) WarnNoGauge(args);
  auto change = std::make_shared<Histogram>(*last.histogram);
  if (!rate || !(anew || DetectReset(*last.histogram, *before.histogram))) {
    const MergeNotes notes = Merge(*change, *before.histogram, -1, nullptr);
    if (notes.incompatible) {
      WarnMixedSchemas(args);
      return nullptr;
    }
    if (notes.bounds_reconciled) NoteReconciled(args, "subtraction");
  }
  change->hint = ResetHint::kGauge;
  Compact(*change);
  return change;
}

Result<Value> LastChange(const RangeArgs& args, bool rate) {
  std::size_t floats = args.window.floats.size();
  std::size_t histograms = args.window.histograms.size();
  if (floats + histograms < 2) return Value();
  const Last last = TakeLast(args.window, floats, histograms);
  const Last before = TakeLast(args.window, floats, histograms);
  if (last.time_ms == before.time_ms) return Value();
  const double seconds = SecondsBetween(before.time_ms, last.time_ms);
  if ((last.histogram == nullptr) != (before.histogram == nullptr)) {
    WarnMixedTypes(args);
    return Value();
  }
  const bool anew = rate && args.options.use_start_timestamps &&
                    StartsAnew(before.time_ms, before.start_ms, last.time_ms, last.start_ms);
  if (last.histogram != nullptr) {
    auto change = HistogramChange(args, before, last, rate, anew);
    if (change && rate) Divide(*change, seconds);
    return Value{.value = Absent(), .histogram = std::move(change)};
  }
  const bool from_zero = rate && (anew || last.value < before.value);
  const double change = from_zero ? last.value : last.value - before.value;
  return Value{.value = rate ? change / seconds : change, .histogram = {}};
}

}  // namespace

Result<Value> Irate(const RangeArgs& args) {
  return LastChange(args, true);
}
Result<Value> Idelta(const RangeArgs& args) {
  return LastChange(args, false);
}

}  // namespace opssight::promql
