// resets, changes: how often samples that follow each other differ.
#include <cmath>
#include <utility>

#include "aggregator/promql/functions/extended.h"
#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/start_times.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

struct Point {
  std::int64_t time_ms = 0;
  std::int64_t start_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;
};

template <class T>
T OrZero(std::span<const T> items, std::size_t i) {
  return items.empty() ? T() : items[i];
}

// Floats and histograms in the order of their times.
class Points {
 public:
  explicit Points(const Window& window) : window_(window) {
    if (window.extend == Extend::kNone) return;
    // One at or before the border counts too: the later of the two kinds'.
    float_ = LeftEdge(window.floats, window.start_ms);
    histogram_ = LeftEdge(window.histograms, window.start_ms);
    if (float_ >= window.floats.size() || histogram_ >= window.histograms.size()) return;
    const std::int64_t float_ms = window.floats[float_].time_ms;
    const std::int64_t histogram_ms = window.histograms[histogram_].time_ms;
    if (float_ms <= window.start_ms && histogram_ms <= window.start_ms) {
      ++(float_ms < histogram_ms ? float_ : histogram_);
    }
  }

  bool Next(Point& point) {
    const bool floats = float_ < window_.floats.size();
    const bool histograms = histogram_ < window_.histograms.size();
    if (!floats && !histograms) return false;
    const bool is_float = !histograms || (floats && window_.floats[float_].time_ms <
                                                        window_.histograms[histogram_].time_ms);
    if (is_float) {
      point = {.time_ms = window_.floats[float_].time_ms,
               .start_ms = OrZero(window_.float_starts, float_),
               .value = window_.floats[float_].value};
      ++float_;
    } else {
      point = {.time_ms = window_.histograms[histogram_].time_ms,
               .start_ms = OrZero(window_.histogram_starts, histogram_),
               .histogram = window_.histograms[histogram_].histogram.get()};
      ++histogram_;
    }
    return true;
  }

 private:
  const Window& window_;
  std::size_t float_ = 0;
  std::size_t histogram_ = 0;
};

template <class Counts>
Result<Value> CountPairs(const RangeArgs& args, Counts&& counts) {
  Points points(args.window);
  Point before;
  if (!points.Next(before)) return Value();
  double count = 0;
  for (Point point; points.Next(point); before = point) {
    if (counts(before, point)) ++count;
  }
  // Extended ranges reach back; what is all before the border is not in the range.
  if (before.time_ms <= args.window.start_ms) return Value();
  return Value{.value = count, .histogram = {}};
}

}  // namespace

Result<Value> Resets(const RangeArgs& args) {
  return CountPairs(args, [&args](const Point& before, const Point& point) {
    if ((before.histogram == nullptr) != (point.histogram == nullptr)) return true;
    if (args.options.use_start_timestamps &&
        StartsAnew(before.time_ms, before.start_ms, point.time_ms, point.start_ms)) {
      return true;
    }
    if (point.histogram != nullptr) return DetectReset(*point.histogram, *before.histogram);
    return point.value < before.value;
  });
}

Result<Value> Changes(const RangeArgs& args) {
  return CountPairs(args, [](const Point& before, const Point& point) {
    if ((before.histogram == nullptr) != (point.histogram == nullptr)) return true;
    if (point.histogram != nullptr) return !Equals(*point.histogram, *before.histogram);
    return point.value != before.value && !(std::isnan(point.value) && std::isnan(before.value));
  });
}

}  // namespace opssight::promql
