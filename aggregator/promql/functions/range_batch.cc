#include "aggregator/promql/functions/range_batch.h"

#include <algorithm>
#include <vector>

#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

namespace {

// Indices at which a counter begins anew.
std::vector<std::size_t> ResetsOf(std::span<const Sample> floats) {
  std::vector<std::size_t> resets;
  for (std::size_t i = 1; i < floats.size(); ++i) {
    if (floats[i].value < floats[i - 1].value) resets.push_back(i);
  }
  return resets;
}

// Draws the increase within a window out to its borders, as far as the samples' distance
// allows and a counter's not below zero. Where samples come as regularly as steps go, each
// window is like the one before, and its seven divisions are not made again.
template <bool kCounter>
class Extrapolation {
 public:
  // per: what the result is divided by.
  explicit Extrapolation(double per) : per_(per) {}

  double Of(double increase, std::span<const Sample> floats, std::int64_t start_ms,
            std::int64_t end_ms) {
    const Sample& first = floats.front();
    const Sample& last = floats.back();
    const Shape shape = {.to_start_ms = first.time_ms - start_ms,
                         .to_end_ms = end_ms - last.time_ms,
                         .sampled_ms = last.time_ms - first.time_ms,
                         .count = floats.size()};
    if (shape != shape_) Set(shape);
    if constexpr (kCounter) {
      if (increase > 0 && first.value >= 0 && MayReachZero(increase, first.value)) {
        const double to_zero = sampled_ * (first.value / increase);
        if (to_zero < to_start_) return increase * Factor(to_zero);
      }
    }
    return increase * factor_;
  }

 private:
  struct Shape {
    std::int64_t to_start_ms = 0;
    std::int64_t to_end_ms = 0;
    std::int64_t sampled_ms = 0;
    std::size_t count = 0;
    bool operator==(const Shape&) const = default;
  };

  void Set(const Shape& shape) {
    shape_ = shape;
    sampled_ = Seconds(shape.sampled_ms);
    const double distance = sampled_ / static_cast<double>(shape.count - 1);
    const double threshold = distance * 1.1;
    to_start_ = Seconds(shape.to_start_ms);
    if (to_start_ >= threshold) to_start_ = distance / 2;
    to_end_ = Seconds(shape.to_end_ms);
    if (to_end_ >= threshold) to_end_ = distance / 2;
    factor_ = Factor(to_start_);
  }

  double Factor(double to_start) const { return (sampled_ + to_start + to_end_) / sampled_ / per_; }

  // False: the counter was surely not at zero within the window, without dividing.
  bool MayReachZero(double increase, double first) const {
    constexpr double kRounding = 1.000001;  // Far more than what roundings come to.
    constexpr double kLarge = 1e300;        // Beyond, products could be infinite.
    const double left = sampled_ * first;
    return !(left < kLarge && left > to_start_ * increase * kRounding);
  }

  const double per_;
  Shape shape_;
  double sampled_ = 0;
  double to_start_ = 0;
  double to_end_ = 0;
  double factor_ = 0;
};

template <bool kCounter, bool kPerSecond>
std::uint64_t Batch(std::span<const Sample> floats, const BatchWindows& windows,
                    std::span<double> values) {
  const std::vector<std::size_t> resets = kCounter ? ResetsOf(floats) : std::vector<std::size_t>();
  auto reset = resets.begin();
  Extrapolation<kCounter> extrapolation(kPerSecond ? Seconds(windows.range_ms) : 1);
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint64_t looked_at = 0;
  std::int64_t end_ms = windows.first_end_ms;
  for (double& value : values) {
    const std::int64_t start_ms = end_ms - windows.range_ms;
    while (end < floats.size() && floats[end].time_ms <= end_ms) ++end;
    while (begin < end && floats[begin].time_ms <= start_ms) ++begin;
    looked_at += end - begin;
    if (end - begin >= 2) {
      double increase = floats[end - 1].value - floats[begin].value;
      if constexpr (kCounter) {
        while (reset != resets.end() && *reset <= begin) ++reset;
        for (auto it = reset; it != resets.end() && *it < end; ++it) {
          increase += floats[*it - 1].value;
        }
      }
      value = extrapolation.Of(increase, floats.subspan(begin, end - begin), start_ms, end_ms);
    }
    end_ms += windows.interval_ms;
  }
  return looked_at;
}

}  // namespace

RangeBatch FindRangeBatch(std::string_view function) {
  if (function == "rate") return &Batch<true, true>;
  if (function == "increase") return &Batch<true, false>;
  if (function == "delta") return &Batch<false, false>;
  return nullptr;
}

}  // namespace opssight::promql
