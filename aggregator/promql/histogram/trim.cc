// `</` and `>/`: observations on one side of a bound are taken out. A bucket that the bound
// cuts is shared out by interpolation; the sum is estimated anew from what is left.
#include <cmath>
#include <cstddef>
#include <limits>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/histogram/one_sided.h"

namespace opssight::promql {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Kept {
  double count = 0;
  double middle = 0;  // Stands for what is kept.
};

class Trimmer {
 public:
  Trimmer(const Histogram& histogram, double bound, bool keep_lower)
      : histogram_(histogram), bound_(bound), keep_lower_(keep_lower) {}

  // What of the bucket is left. Notes whether that is all.
  double Keep(Bucket bucket) {
    if (bucket.count == 0) return 0;
    Prepare(bucket);
    const Kept kept = KeepOf(bucket);
    changed_ = changed_ || kept.count != bucket.count;
    if (kept.count != 0) {
      count_ += kept.count;
      sum_ += kept.count * kept.middle;
    }
    return kept.count;
  }
  bool changed() const { return changed_; }
  double count() const { return count_; }
  double sum() const { return sum_; }

 private:
  void Prepare(Bucket& bucket) const {
    if (!histogram_.custom()) {
      if (SpansZero(bucket)) MakeZeroOneSided(histogram_, bucket);
      return;
    }
    // The lowest bucket of bounds above zero begins at zero, as in quantiles.
    const bool from_zero = bucket.lower == -kInf && bucket.upper > 0 && bucket.upper != kInf;
    if (from_zero && (keep_lower_ || bound_ >= 0)) bucket.lower = 0;
  }

  Kept KeepOf(const Bucket& bucket) const {
    const bool all = keep_lower_ ? bucket.upper <= bound_ : bucket.lower >= bound_;
    if (all) return {.count = bucket.count, .middle = Middle(bucket.lower, bucket.upper, bucket)};
    const bool cut = bucket.lower < bound_ && bound_ < bucket.upper;
    if (!cut) return {};
    // Nobody knows how far an endless bucket goes: it is kept or taken out as a whole.
    if (bucket.lower == -kInf)
      return keep_lower_ && bucket.upper != kInf ? AtBound(bucket) : Kept();
    if (bucket.upper == kInf) return keep_lower_ ? Kept() : AtBound(bucket);
    const double below = Below(bucket);
    if (keep_lower_) {
      return {.count = bucket.count * below, .middle = Middle(bucket.lower, bound_, bucket)};
    }
    return {.count = bucket.count * (1 - below), .middle = Middle(bound_, bucket.upper, bucket)};
  }

  Kept AtBound(const Bucket& bucket) const { return {.count = bucket.count, .middle = bound_}; }

  bool Linear(const Bucket& bucket) const { return histogram_.custom() || SpansZero(bucket); }

  // The share of the bucket's observations below the bound.
  double Below(const Bucket& bucket) const {
    if (Linear(bucket)) return (bound_ - bucket.lower) / (bucket.upper - bucket.lower);
    const double log_lower = std::log2(std::fabs(bucket.lower));
    const double log_upper = std::log2(std::fabs(bucket.upper));
    return (std::log2(std::fabs(bound_)) - log_lower) / (log_upper - log_lower);
  }

  double Middle(double lower, double upper, const Bucket& bucket) const {
    if (lower == -kInf) return upper;
    if (upper == kInf) return lower;
    if (Linear(bucket)) return (lower + upper) / 2;
    const double middle = std::sqrt(lower * upper);
    return lower < 0 ? -middle : middle;
  }

  const Histogram& histogram_;
  const double bound_;
  const bool keep_lower_;
  bool changed_ = false;
  double count_ = 0;
  double sum_ = 0;
};

}  // namespace

Histogram Trim(const Histogram& histogram, double bound, bool keep_lower) {
  Histogram trimmed = histogram;
  Trimmer trimmer(histogram, bound, keep_lower);
  const std::vector<Bucket> buckets = AllBuckets(histogram);
  // AllBuckets: the negative ones from the last, zero if it has any, the positive ones.
  std::size_t at = 0;
  for (std::size_t i = trimmed.negative.size(); i > 0; --i) {
    trimmed.negative[i - 1] = trimmer.Keep(buckets[at++]);
  }
  if (at + trimmed.positive.size() < buckets.size()) {
    trimmed.zero_count = trimmer.Keep(buckets[at++]);
  }
  for (double& count : trimmed.positive) count = trimmer.Keep(buckets[at++]);
  if (!trimmer.changed()) return histogram;
  trimmed.count = trimmer.count();
  trimmed.sum = trimmer.sum();
  Compact(trimmed);
  return trimmed;
}

}  // namespace opssight::promql
