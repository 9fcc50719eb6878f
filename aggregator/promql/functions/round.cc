// round, clamp, clamp_min, clamp_max.
#include <cmath>
#include <limits>

#include "aggregator/promql/functions/map_floats.h"

namespace opssight::promql {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// As Go's math.Min and Max: NaN stays, but for an infinity that nothing can go beyond; of two
// zeros it is the negative one, or the positive.
double Least(double a, double b) {
  if (a == -kInfinity || b == -kInfinity) return -kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNan;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
double Most(double a, double b) {
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNan;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

}  // namespace

Result<Columns> Round(VectorArgs& args) {
  const bool given = args.args.size() > 1;
  return MapFloats(args, [&](double x, std::size_t step) {
    // The inverse, for 0.1 is no double and 10 is.
    const double inverse = 1 / (given ? args.args[1].scalars[step] : 1);
    return std::floor(x * inverse + 0.5) / inverse;
  });
}

Result<Columns> Clamp(VectorArgs& args) {
  return MapFloats(args, [&](double x, std::size_t step) {
    const double low = args.args[1].scalars[step];
    const double high = args.args[2].scalars[step];
    return high < low ? Absent() : Most(low, Least(high, x));
  });
}

Result<Columns> ClampMin(VectorArgs& args) {
  return MapFloats(args,
                   [&](double x, std::size_t step) { return Most(args.args[1].scalars[step], x); });
}

Result<Columns> ClampMax(VectorArgs& args) {
  return MapFloats(
      args, [&](double x, std::size_t step) { return Least(args.args[1].scalars[step], x); });
}

Result<Columns> MinOf(VectorArgs& args) {
  Column column = {.labels = {}, .values = args.args[0].scalars, .histograms = {}};
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    column.values[i] = Least(column.values[i], args.args[1].scalars[i]);
  }
  return Columns{std::move(column)};
}

Result<Columns> MaxOf(VectorArgs& args) {
  Column column = {.labels = {}, .values = args.args[0].scalars, .histograms = {}};
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    column.values[i] = Most(column.values[i], args.args[1].scalars[i]);
  }
  return Columns{std::move(column)};
}

}  // namespace opssight::promql
