// Bounds of a bucket as interpolation takes them.
#pragma once

#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

// The zero bucket (or what spans zero) of exponential buckets.
inline bool SpansZero(const Bucket& bucket) {
  return bucket.lower <= 0 && bucket.upper >= 0;
}

// Where there are buckets of one sign only, the zero bucket is on their side of zero.
inline void MakeZeroOneSided(const Histogram& histogram, Bucket& bucket) {
  if (histogram.negative.empty() && !histogram.positive.empty()) bucket.lower = 0;
  if (histogram.positive.empty() && !histogram.negative.empty()) bucket.upper = 0;
}

}  // namespace opssight::promql
