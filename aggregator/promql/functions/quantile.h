// The quantile of plain values, as the aggregation and quantile_over_time have it.
#pragma once

#include <vector>

namespace opssight::promql {

// Sorts values; NaN counts as the smallest. No values, or q NaN: NaN; q < 0: -Inf; q > 1: +Inf.
double QuantileOf(double q, std::vector<double>& values);

}  // namespace opssight::promql
