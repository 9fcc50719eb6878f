// Exponential histograms of OTLP as plain counts: made coarser, added up, and turned into
// Prometheus' native histograms. Values; pure. Internal to this folder, but for delta.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/model/histogram.h"

namespace opssight::otlp {

// counts[i] is of the bucket (base^(offset+i), base^(offset+i+1)], base = 2^(2^-scale).
struct ExponentialBuckets {
  std::int32_t offset = 0;
  std::vector<double> counts;
};

struct ExponentialHistogram {
  std::int32_t scale = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  ExponentialBuckets positive;
  ExponentialBuckets negative;
  std::size_t buckets() const { return positive.counts.size() + negative.counts.size(); }
};

// To a scale that is not above its own: pairs of buckets are joined.
void Coarsen(ExponentialHistogram& histogram, std::int32_t scale);
// At most schema 8 and buckets_max buckets. False: that would need a scale below -4, or it
// has one from the start.
bool FitScale(ExponentialHistogram& histogram, std::size_t buckets_max);
// to += from, at the coarser of both scales, or one coarser yet, so that buckets_max holds.
// False: no scale will do; to is of no use then.
bool AddTo(ExponentialHistogram& to, ExponentialHistogram from, std::size_t buckets_max);

// Runs of more than two empty buckets are not written.
Histogram ToNative(const ExponentialHistogram& histogram);
// Counts of explicit buckets (not added up), the last above all bounds, as schema -53.
Histogram ToCustom(const std::vector<double>& bounds, const std::vector<double>& counts,
                   double count, double sum);

}  // namespace opssight::otlp
