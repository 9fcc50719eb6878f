// *_over_time: one value of all that a range holds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/mean.h"
#include "aggregator/promql/functions/notes.h"
#include "aggregator/promql/functions/quantile.h"
#include "aggregator/promql/functions/seconds.h"
#include "common/text/number.h"

namespace opssight::promql {

namespace {

Value Float(double x) {
  return {.value = x, .histogram = {}};
}

// Where only floats count. False: there are none.
bool HasFloats(const RangeArgs& args) {
  if (args.window.floats.empty()) return false;
  if (!args.window.histograms.empty()) NoteIgnoredHistograms(args);
  return true;
}

// The sample whose value is not worse than all others by `better`, NaN being the worst.
template <class Better>
const Sample& Best(std::span<const Sample> floats, Better&& better) {
  const Sample* best = &floats.front();
  for (const Sample& sample : floats) {
    if (better(sample.value, best->value) || std::isnan(best->value)) best = &sample;
  }
  return *best;
}

template <class Better>
Result<Value> BestValue(const RangeArgs& args, Better&& better) {
  if (!HasFloats(args)) return Value();
  return Float(Best(args.window.floats, better).value);
}

template <class Better>
Result<Value> BestTime(const RangeArgs& args, Better&& better) {
  if (!HasFloats(args)) return Value();
  return Float(Seconds(Best(args.window.floats, better).time_ms));
}

double VarianceOf(std::span<const Sample> floats) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (const Sample& sample : floats) {
    ++count;
    const double delta = sample.value - mean.Result();
    mean.Add(delta / count);
    squares.Add(delta * (sample.value - mean.Result()));
  }
  return squares.Result() / count;
}

std::vector<double> ValuesOf(std::span<const Sample> floats) {
  std::vector<double> values;
  values.reserve(floats.size());
  for (const Sample& sample : floats) values.push_back(sample.value);
  return values;
}

bool FloatIsLast(const Window& window) {
  return window.histograms.empty() ||
         (!window.floats.empty() &&
          window.floats.back().time_ms > window.histograms.back().time_ms);
}

bool FloatIsFirst(const Window& window) {
  return window.histograms.empty() ||
         (!window.floats.empty() &&
          window.floats.front().time_ms < window.histograms.front().time_ms);
}

bool IsEmpty(const Window& window) {
  return window.floats.empty() && window.histograms.empty();
}

// False: floats and histograms do not go together (noted).
bool OfOneType(const RangeArgs& args) {
  if (args.window.floats.empty() || args.window.histograms.empty()) return true;
  WarnMixedTypes(args);
  return false;
}

}  // namespace

Result<Value> SumOverTime(const RangeArgs& args) {
  if (IsEmpty(args.window) || !OfOneType(args)) return Value();
  if (!args.window.histograms.empty()) return SumHistograms(args);
  KahanSum sum;
  for (const Sample& sample : args.window.floats) sum.Add(sample.value);
  return Float(sum.Result());
}

Result<Value> AvgOverTime(const RangeArgs& args) {
  if (IsEmpty(args.window) || !OfOneType(args)) return Value();
  if (!args.window.histograms.empty()) return AvgHistograms(args);
  FloatMean mean;
  for (const Sample& sample : args.window.floats) mean.Add(sample.value);
  return Float(mean.Result());
}

Result<Value> MinOverTime(const RangeArgs& args) {
  return BestValue(args, [](double x, double best) { return x < best; });
}
Result<Value> MaxOverTime(const RangeArgs& args) {
  return BestValue(args, [](double x, double best) { return x > best; });
}
Result<Value> TsOfMinOverTime(const RangeArgs& args) {
  return BestTime(args, [](double x, double best) { return x <= best; });
}
Result<Value> TsOfMaxOverTime(const RangeArgs& args) {
  return BestTime(args, [](double x, double best) { return x >= best; });
}

Result<Value> CountOverTime(const RangeArgs& args) {
  if (IsEmpty(args.window)) return Value();
  return Float(static_cast<double>(args.window.floats.size() + args.window.histograms.size()));
}

Result<Value> PresentOverTime(const RangeArgs& args) {
  return IsEmpty(args.window) ? Value() : Float(1);
}

Result<Value> FirstOverTime(const RangeArgs& args) {
  if (IsEmpty(args.window)) return Value();
  if (FloatIsFirst(args.window)) return Float(args.window.floats.front().value);
  return Value{.value = Absent(), .histogram = args.window.histograms.front().histogram};
}

Result<Value> LastOverTime(const RangeArgs& args) {
  if (IsEmpty(args.window)) return Value();
  if (FloatIsLast(args.window)) return Float(args.window.floats.back().value);
  return Value{.value = Absent(), .histogram = args.window.histograms.back().histogram};
}

Result<Value> TsOfFirstOverTime(const RangeArgs& args) {
  const Window& window = args.window;
  if (IsEmpty(window)) return Value();
  const std::int64_t time_ms =
      FloatIsFirst(window) ? window.floats.front().time_ms : window.histograms.front().time_ms;
  return Float(Seconds(time_ms));
}

Result<Value> TsOfLastOverTime(const RangeArgs& args) {
  const Window& window = args.window;
  if (IsEmpty(window)) return Value();
  const std::int64_t time_ms =
      FloatIsLast(window) ? window.floats.back().time_ms : window.histograms.back().time_ms;
  return Float(Seconds(time_ms));
}

Result<Value> StdvarOverTime(const RangeArgs& args) {
  if (!HasFloats(args)) return Value();
  return Float(VarianceOf(args.window.floats));
}

Result<Value> StddevOverTime(const RangeArgs& args) {
  if (!HasFloats(args)) return Value();
  return Float(std::sqrt(VarianceOf(args.window.floats)));
}

Result<Value> QuantileOverTime(const RangeArgs& args) {
  if (!HasFloats(args)) return Value();
  const double q = args.scalars[0];
  WarnOfQuantile(q, args.arg_pos[0], args.annotations);
  std::vector<double> values = ValuesOf(args.window.floats);
  return Float(QuantileOf(q, values));
}

Result<Value> MadOverTime(const RangeArgs& args) {
  if (!HasFloats(args)) return Value();
  std::vector<double> values = ValuesOf(args.window.floats);
  // Quantiles would take a NaN for the smallest value; a deviation from it is none.
  if (std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
    return Float(std::numeric_limits<double>::quiet_NaN());
  }
  const double median = QuantileOf(0.5, values);
  for (double& value : values) value = std::fabs(value - median);
  return Float(QuantileOf(0.5, values));
}

}  // namespace opssight::promql
