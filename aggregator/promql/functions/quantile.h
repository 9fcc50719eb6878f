// The quantile of plain values, as the aggregation and quantile_over_time have it; and what is
// said of a q that is none.
#pragma once

#include <vector>

#include "aggregator/promql/value/annotations.h"

namespace opssight::promql {

// Sorts values; NaN counts as the smallest. No values, or q NaN: NaN; q < 0: -Inf; q > 1: +Inf.
double QuantileOf(double q, std::vector<double>& values);

// Of a q outside [0, 1], and NaN.
void WarnOfQuantile(double q, PosRange pos, Annotations& annotations);
// One a step: of a NaN, the greatest and the least only.
void WarnOfQuantiles(const std::vector<double>& q, PosRange pos, Annotations& annotations);

}  // namespace opssight::promql
