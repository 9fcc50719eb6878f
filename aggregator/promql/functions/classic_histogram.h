// Classic histograms: series of cumulative counts, each up to its label "le". Pure.
#pragma once

#include <vector>

namespace opssight::promql {

struct ClassicBucket {
  double upper = 0;
  double count = 0;  // Of all observations up to it.
};

// What had to be mended of buckets that were not cumulative.
struct Flattened {
  bool any = false;
  double from = 0;  // The least and the greatest bound mended, and by how much at most.
  double to = 0;
  double difference = 0;
};

// buckets: by their bounds, with a value; they are changed. NaN: no such quantile can be told.
double ClassicQuantile(double q, std::vector<ClassicBucket>& buckets, Flattened& flattened);
double ClassicFraction(double lower, double upper, std::vector<ClassicBucket>& buckets);

}  // namespace opssight::promql
