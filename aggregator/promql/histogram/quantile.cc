// Quantiles, fractions and the variance of native histograms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/histogram/one_sided.h"
#include "common/base/kahan.h"

namespace opssight::promql {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Found {
  Bucket bucket;
  double count = 0;  // Of this bucket and all before it.
};

template <class Iterator>
Found FindRank(Iterator begin, Iterator end, double rank) {
  Found found;
  for (; begin != end; ++begin) {
    found.bucket = *begin;
    if (begin->count == 0) continue;
    found.count += begin->count;
    if (found.count >= rank) break;
  }
  return found;
}

// The value `fraction` of the way through the bucket.
double Interpolated(const Histogram& histogram, const Bucket& bucket, double fraction) {
  if (histogram.custom() || SpansZero(bucket)) {
    return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  }
  const double log_lower = std::log2(std::fabs(bucket.lower));
  const double log_upper = std::log2(std::fabs(bucket.upper));
  if (bucket.lower > 0) return std::exp2(log_lower + (log_upper - log_lower) * fraction);
  return -std::exp2(log_upper + (log_lower - log_upper) * (1 - fraction));
}

// Counts of observations up to a value, bucket after bucket.
class FractionRank {
 public:
  FractionRank(const Histogram& histogram, double value) : histogram_(histogram), value_(value) {}

  // before: observations of all buckets below.
  void See(const Bucket& bucket, double before) {
    if (set_) return;
    if (bucket.lower >= value_) {
      Set(before);
    } else if (bucket.upper > value_) {
      Set(histogram_.custom() || SpansZero(bucket) ? Linear(bucket, before)
                                                   : before + bucket.count * Exponential(bucket));
    }
  }
  double Of(double count) const { return !set_ || rank_ > count ? count : rank_; }

 private:
  void Set(double rank) {
    rank_ = rank;
    set_ = true;
  }
  // Nothing can be said of where in an endless bucket a value is: it is at its finite end.
  double Linear(const Bucket& bucket, double before) const {
    if (bucket.lower == -kInf) return bucket.count;
    return before + bucket.count * (value_ - bucket.lower) / (bucket.upper - bucket.lower);
  }
  double Exponential(const Bucket& bucket) const {
    const double log_lower = std::log2(std::fabs(bucket.lower));
    const double log_upper = std::log2(std::fabs(bucket.upper));
    const double log_value = std::log2(std::fabs(value_));
    if (value_ > 0) return (log_value - log_lower) / (log_upper - log_lower);
    return 1 - (log_value - log_upper) / (log_lower - log_upper);
  }

  const Histogram& histogram_;
  const double value_;
  double rank_ = 0;
  bool set_ = false;
};

// The value that stands for all observations of a bucket.
double Middle(const Histogram& histogram, const Bucket& bucket) {
  if (histogram.custom()) return (bucket.upper + bucket.lower) / 2;
  if (SpansZero(bucket)) return 0;
  const double middle = std::sqrt(bucket.upper * bucket.lower);
  return bucket.upper < 0 ? -middle : middle;
}

}  // namespace

double Quantile(double q, const Histogram& histogram, NanNotes* notes) {
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (histogram.count == 0 || std::isnan(q)) return kNan;
  const std::vector<Bucket> buckets = AllBuckets(histogram);
  // NaN observations are in count and in no bucket: the rank from below is the one known.
  const bool has_nan = std::isnan(histogram.sum);
  const bool forward = has_nan || q < 0.5;
  const double rank = (forward ? q : 1 - q) * histogram.count;
  Found found = forward ? FindRank(buckets.begin(), buckets.end(), rank)
                        : FindRank(buckets.rbegin(), buckets.rend(), rank);
  Bucket& bucket = found.bucket;
  const double count = std::min(found.count, histogram.count);
  if (count < rank) {
    if (has_nan) {
      if (notes != nullptr) notes->result_nan = true;
      return kNan;
    }
    // Rounding only; the outermost bucket is as far as it goes.
  } else if (has_nan && notes != nullptr) {
    notes->result_skewed = true;
  }
  if (!histogram.custom()) {
    if (bucket.lower < 0 && bucket.upper > 0) MakeZeroOneSided(histogram, bucket);
  } else if (bucket.lower == -kInf) {
    if (bucket.upper <= 0) return bucket.upper;
    bucket.lower = 0;
    if (bucket.upper == kInf) return bucket.lower;
  } else if (bucket.upper == kInf) {
    return bucket.lower;
  }
  const double into = forward ? rank - (count - bucket.count) : count - rank;
  return Interpolated(histogram, bucket, into / bucket.count);
}

double Fraction(double lower, double upper, const Histogram& histogram, NanNotes* notes) {
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  double count = histogram.count;
  std::vector<Bucket> buckets = AllBuckets(histogram);
  if (std::isnan(histogram.sum)) {
    if (notes != nullptr) notes->result_skewed = true;
    count = 0;
    for (const Bucket& bucket : buckets) count += bucket.count;
  }
  FractionRank low(histogram, lower);
  FractionRank high(histogram, upper);
  double before = 0;
  for (Bucket& bucket : buckets) {
    if (!histogram.custom()) {
      if (SpansZero(bucket)) MakeZeroOneSided(histogram, bucket);
    } else if (bucket.lower == -kInf && bucket.upper > 0) {
      bucket.lower = 0;
    }
    low.See(bucket, before);
    high.See(bucket, before);
    before += bucket.count;
  }
  return (high.Of(count) - low.Of(count)) / histogram.count;
}

double Variance(const Histogram& histogram) {
  const double mean = histogram.sum / histogram.count;
  double variance = 0;
  double c = 0;
  for (const Bucket& bucket : AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    const double delta = Middle(histogram, bucket) - mean;
    KahanAdd(bucket.count * delta * delta, variance, c);
  }
  return (variance + c) / histogram.count;
}

}  // namespace opssight::promql
