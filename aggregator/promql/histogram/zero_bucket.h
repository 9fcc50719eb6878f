// Zero buckets made wider, as histograms of differing thresholds are compared and added.
#pragma once

#include "aggregator/promql/histogram/cells.h"

namespace opssight::promql {

// A histogram taken apart, with the Kahan terms of its counts.
struct Parts {
  Cells positive;
  Cells negative;
  double zero_count = 0;
  double zero_c = 0;
  double zero_threshold = 0;
  std::int32_t schema = 0;
};
Parts TakeApart(const Histogram& histogram, const Histogram* compensation);
void Reduce(Parts& parts, std::int32_t schema);

// Takes buckets that begin below `threshold` into the zero bucket. It becomes wider yet where
// a populated bucket ends beyond it.
void WidenZero(Parts& parts, double threshold);

}  // namespace opssight::promql
