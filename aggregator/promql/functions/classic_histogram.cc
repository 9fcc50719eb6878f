#include "aggregator/promql/functions/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace opssight::promql {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool EndsAtInfinity(const std::vector<ClassicBucket>& buckets) {
  return !buckets.empty() && buckets.back().upper == kInf;
}

// Buckets of one bound are one.
void Coalesce(std::vector<ClassicBucket>& buckets) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[kept].upper) {
      buckets[kept].count += buckets[i].count;
    } else {
      buckets[++kept] = buckets[i];
    }
  }
  buckets.resize(kept + 1);
}

bool AlmostEqual(double a, double b) {
  constexpr double kTolerance = 1e-12;
  constexpr double kLeast = std::numeric_limits<double>::min();
  constexpr double kMost = std::numeric_limits<double>::max();
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kLeast) return difference < kTolerance * kLeast;
  return difference / std::min(sum, kMost) < kTolerance;
}

// Counts that fall are held at what they were; what only roundings differ by goes silently.
void Flatten(std::vector<ClassicBucket>& buckets, Flattened& flattened) {
  double before = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    ClassicBucket& bucket = buckets[i];
    if (AlmostEqual(before, bucket.count)) {
      bucket.count = before;
      continue;
    }
    if (bucket.count < before) {
      const double difference = before - bucket.count;
      bucket.count = before;
      flattened.from = flattened.any ? std::min(flattened.from, bucket.upper) : bucket.upper;
      flattened.to = flattened.any ? std::max(flattened.to, bucket.upper) : bucket.upper;
      flattened.difference = std::max(flattened.difference, difference);
      flattened.any = true;
      continue;
    }
    before = bucket.count;
  }
}

// Observations up to a value.
class ClassicRank {
 public:
  explicit ClassicRank(double value) : value_(value) {}
  void See(double lower, const ClassicBucket& bucket, double before) {
    if (set_) return;
    if (lower >= value_) {
      rank_ = before;
      set_ = true;
    } else if (bucket.upper > value_) {
      // Of an endless bucket only its finite end is known.
      const double share = (value_ - lower) / (bucket.upper - lower);
      rank_ = lower == -kInf ? bucket.count : before + (bucket.count - before) * share;
      set_ = true;
    }
  }
  double Of(double count) const { return !set_ || rank_ > count ? count : rank_; }

 private:
  const double value_;
  double rank_ = 0;
  bool set_ = false;
};

}  // namespace

double ClassicQuantile(double q, std::vector<ClassicBucket>& buckets, Flattened& flattened) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (!EndsAtInfinity(buckets)) return kNan;
  Coalesce(buckets);
  Flatten(buckets, flattened);
  const double observations = buckets.back().count;
  if (buckets.size() < 2 || observations == 0) return kNan;
  const double rank = q * observations;
  const std::size_t last = buckets.size() - 1;
  std::size_t b = 0;
  // As Go's sort.Search, which NaN counts end at the last.
  for (std::size_t end = last; b < end;) {
    const std::size_t middle = (b + end) / 2;
    if (buckets[middle].count >= rank) {
      end = middle;
    } else {
      b = middle + 1;
    }
  }
  if (b == last) return buckets[last - 1].upper;
  if (b == 0 && buckets[0].upper <= 0) return buckets[0].upper;
  const double lower = b == 0 ? 0 : buckets[b - 1].upper;
  const double before = b == 0 ? 0 : buckets[b - 1].count;
  const double share = (rank - before) / (buckets[b].count - before);
  return lower + (buckets[b].upper - lower) * share;
}

double ClassicFraction(double lower, double upper, std::vector<ClassicBucket>& buckets) {
  if (!EndsAtInfinity(buckets)) return kNan;
  Coalesce(buckets);
  Flattened flattened;
  Flatten(buckets, flattened);
  const double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  ClassicRank low(lower);
  ClassicRank high(upper);
  double before = 0;
  double from = buckets[0].upper > 0 ? 0 : -kInf;
  for (const ClassicBucket& bucket : buckets) {
    low.See(from, bucket, before);
    high.See(from, bucket, before);
    before = bucket.count;
    from = bucket.upper;
  }
  return (high.Of(count) - low.Of(count)) / count;
}

}  // namespace opssight::promql
