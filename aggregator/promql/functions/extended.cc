#include "aggregator/promql/functions/extended.h"

#include <memory>
#include <utility>
#include <vector>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

namespace {

double Share(std::int64_t before_ms, std::int64_t after_ms, std::int64_t time_ms) {
  return SecondsBetween(before_ms, time_ms) / SecondsBetween(before_ms, after_ms);
}

double Between(const Sample& before, const Sample& after, std::int64_t time_ms, bool counter) {
  const double from = counter && after.value < before.value ? 0 : before.value;
  return from + (after.value - from) * Share(before.time_ms, after.time_ms, time_ms);
}

// Which items of a window count: from the one on or before its left border to the one on or
// (smoothed) after its right border. first > last: none lies within.
struct Edges {
  std::size_t first = 1;
  std::size_t last = 0;
  bool any() const { return first <= last; }
};

template <class Item>
Edges EdgesOf(std::span<const Item> items, const Window& window) {
  if (items.empty()) return {};
  Edges edges = {.first = LeftEdge(items, window.start_ms), .last = items.size() - 1};
  if (window.extend == Extend::kSmoothed) {
    const auto end = std::lower_bound(
        items.begin(), items.end(), window.end_ms,
        [](const Item& item, std::int64_t wanted_ms) { return item.time_ms < wanted_ms; });
    edges.last = std::min(edges.last, static_cast<std::size_t>(end - items.begin()));
    // All behind the range: nothing is known of it.
    if (items[edges.first].time_ms > window.end_ms) return {};
  }
  if (items[edges.last].time_ms <= window.start_ms) return {};
  return edges;
}

double FloatGrowth(const Window& window, Edges edges, bool counter) {
  const std::span<const Sample> floats = window.floats;
  const bool smoothed = window.extend == Extend::kSmoothed;
  double left = floats[edges.first].value;
  if (smoothed && floats[edges.first].time_ms < window.start_ms) {
    left = Between(floats[edges.first], floats[edges.first + 1], window.start_ms, counter);
  }
  double right = floats[edges.last].value;
  if (smoothed && edges.last > 0 && floats[edges.last].time_ms > window.end_ms) {
    right = Between(floats[edges.last - 1], floats[edges.last], window.end_ms, counter);
  }
  double growth = right - left;
  if (!counter) return growth;
  double previous = left;
  for (std::size_t i = edges.first; i <= edges.last; ++i) {
    if (floats[i].time_ms <= window.start_ms || floats[i].time_ms >= window.end_ms) continue;
    if (floats[i].value < previous) growth += previous;
    previous = floats[i].value;
  }
  if (right < previous) growth += previous;
  return growth;
}

// The sample as one before which no counter began anew.
HistogramSample Settled(HistogramSample sample) {
  auto settled = std::make_shared<Histogram>(*sample.histogram);
  settled->hint = ResetHint::kNotReset;
  sample.histogram = std::move(settled);
  return sample;
}

// The histograms of the range with one at either border. Empty: schemas are mixed.
std::vector<HistogramSample> WithBorders(const Window& window, Edges edges, bool counter) {
  const std::span<const HistogramSample> all = window.histograms;
  const bool smoothed = window.extend == Extend::kSmoothed;
  std::vector<HistogramSample> samples;
  HistogramSample left = all[edges.first];
  // A reset between the left border's two samples is in its value already.
  bool settled = false;
  if (smoothed && left.time_ms < window.start_ms) {
    const HistogramSample& next = all[edges.first + 1];
    settled = counter && DetectReset(*next.histogram, *left.histogram);
    left.histogram = BetweenHistograms(left, next, window.start_ms, counter);
  }
  HistogramSample right = all[edges.last];
  if (smoothed && edges.last > 0 && right.time_ms > window.end_ms) {
    right.histogram = BetweenHistograms(all[edges.last - 1], right, window.end_ms, counter);
  }
  if (!left.histogram || !right.histogram) return samples;
  samples.push_back(std::move(left));
  for (std::size_t i = edges.first; i <= edges.last; ++i) {
    const bool inner = all[i].time_ms > window.start_ms && all[i].time_ms < window.end_ms;
    if (!inner || i == edges.first || i == edges.last) continue;
    samples.push_back(settled && i == edges.first + 1 ? Settled(all[i]) : all[i]);
  }
  const bool right_settled = settled && edges.last == edges.first + 1;
  samples.push_back(right_settled ? Settled(std::move(right)) : std::move(right));
  return samples;
}

}  // namespace

HistogramPtr BetweenHistograms(const HistogramSample& before, const HistogramSample& after,
                               std::int64_t time_ms, bool counter) {
  const Histogram& from = *before.histogram;
  auto value = std::make_shared<Histogram>(*after.histogram);
  if (from.custom() != value->custom()) return nullptr;
  const double share = Share(before.time_ms, after.time_ms, time_ms);
  if (counter && DetectReset(*value, from)) {
    Scale(*value, share);
    return value;
  }
  const bool gauge = from.hint == ResetHint::kGauge || value->hint == ResetHint::kGauge;
  Merge(*value, from, -1, nullptr);
  Scale(*value, share);
  Merge(*value, from, 1, nullptr);
  Compact(*value);
  value->hint = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
  return value;
}

Result<Value> ExtendedGrowth(const RangeArgs& args, Growth growth) {
  const Window& window = args.window;
  if (!window.floats.empty() && !window.histograms.empty()) {
    WarnMixedTypes(args);
    return Value();
  }
  const bool counter = growth != Growth::kDelta;
  const double seconds = SecondsBetween(window.start_ms, window.end_ms);
  const double by = growth == Growth::kRate ? seconds : 1;
  if (const Edges edges = EdgesOf(window.floats, window); edges.any()) {
    return Value{.value = FloatGrowth(window, edges, counter) / by, .histogram = {}};
  }
  const Edges edges = EdgesOf(window.histograms, window);
  if (!edges.any()) return Value();
  const std::vector<HistogramSample> samples = WithBorders(window, edges, counter);
  if (samples.empty()) {
    WarnMixedSchemas(args);
    return Value();
  }
  const HistogramPtr grown = HistogramGrowth(args, samples, {}, counter);
  if (!grown || by == 1) return Value{.value = Absent(), .histogram = grown};
  auto rate = std::make_shared<Histogram>(*grown);
  Divide(*rate, by);
  return Value{.value = Absent(), .histogram = std::move(rate)};
}

}  // namespace opssight::promql
