// deriv, predict_linear, double_exponential_smoothing: where floats are heading.
#include <cmath>
#include <limits>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

namespace {

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares, x in seconds since origin_ms.
Line LineThrough(std::span<const Sample> floats, std::int64_t origin_ms) {
  KahanSum x_sum;
  KahanSum y_sum;
  KahanSum xy_sum;
  KahanSum xx_sum;
  const double first = floats.front().value;
  bool constant = true;
  for (const Sample& sample : floats) {
    constant = constant && (sample.value == first || &sample == floats.data());
    const double x = SecondsBetween(origin_ms, sample.time_ms);
    x_sum.Add(x);
    y_sum.Add(sample.value);
    xy_sum.Add(x * sample.value);
    xx_sum.Add(x * x);
  }
  if (constant) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    if (std::isinf(first)) return {.slope = kNan, .intercept = kNan};
    return {.slope = 0, .intercept = first};
  }
  const auto n = static_cast<double>(floats.size());
  const double x = x_sum.Result();
  const double y = y_sum.Result();
  const double covariance = xy_sum.Result() - x * y / n;
  const double variance = xx_sum.Result() - x * x / n;
  const double slope = covariance / variance;
  return {.slope = slope, .intercept = y / n - slope * x / n};
}

// False: too few floats.
bool EnoughFloats(const RangeArgs& args) {
  if (!args.window.floats.empty() && !args.window.histograms.empty()) NoteIgnoredHistograms(args);
  return args.window.floats.size() >= 2;
}

Status CheckFactor(std::string_view kind, std::string_view letters, double factor) {
  if (factor > 0 && factor < 1) return {};
  return Invalid(
      fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {:f}", kind, letters, factor));
}

}  // namespace

Result<Value> Deriv(const RangeArgs& args) {
  if (!EnoughFloats(args)) return Value();
  const std::span<const Sample> floats = args.window.floats;
  return Value{.value = LineThrough(floats, floats.front().time_ms).slope, .histogram = {}};
}

Result<Value> PredictLinear(const RangeArgs& args) {
  if (!EnoughFloats(args)) return Value();
  const Line line = LineThrough(args.window.floats, args.window.eval_ms);
  return Value{.value = line.slope * args.scalars[0] + line.intercept, .histogram = {}};
}

Result<Value> DoubleExponentialSmoothing(const RangeArgs& args) {
  const double smoothing = args.scalars[0];
  const double trend = args.scalars[1];
  OPS_RETURN_IF_ERROR(CheckFactor("smoothing", "sf", smoothing));
  OPS_RETURN_IF_ERROR(CheckFactor("trend", "tf", trend));
  if (!EnoughFloats(args)) return Value();
  const std::span<const Sample> floats = args.window.floats;
  double before = 0;
  double smoothed = floats[0].value;
  double slope = floats[1].value - floats[0].value;
  for (std::size_t i = 1; i < floats.size(); ++i) {
    if (i > 1) slope = trend * (smoothed - before) + (1 - trend) * slope;
    const double carried = (1 - smoothing) * (smoothed + slope);
    before = smoothed;
    smoothed = smoothing * floats[i].value + carried;
  }
  return Value{.value = smoothed, .histogram = {}};
}

}  // namespace opssight::promql
