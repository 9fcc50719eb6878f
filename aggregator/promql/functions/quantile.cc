#include "aggregator/promql/functions/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <fmt/format.h>

#include "common/text/number.h"

namespace opssight::promql {

double QuantileOf(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return std::numeric_limits<double>::quiet_NaN();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(),
            [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = q * (static_cast<double>(values.size()) - 1);
  const double floor = std::floor(rank);
  const auto low = static_cast<std::size_t>(std::max(0.0, floor));
  const std::size_t high = std::min(values.size() - 1, low + 1);
  const double weight = rank - floor;
  return values[low] * (1 - weight) + values[high] * weight;
}

void WarnOfQuantile(double q, PosRange pos, Annotations& annotations) {
  if (q >= 0 && q <= 1) return;
  annotations.Warn(fmt::format("quantile value should be between 0 and 1, got {}", FormatGoG(q)),
                   pos);
}

void WarnOfQuantiles(const std::vector<double>& q, PosRange pos, Annotations& annotations) {
  const double* max = nullptr;
  const double* min = nullptr;
  const double* nan = nullptr;
  for (const double& value : q) {
    if (std::isnan(value)) {
      nan = &value;
    } else {
      if (max == nullptr || value > *max) max = &value;
      if (min == nullptr || value < *min) min = &value;
    }
  }
  for (const double* value : {nan, max, min}) {
    if (value != nullptr) WarnOfQuantile(*value, pos, annotations);
  }
}

}  // namespace opssight::promql
