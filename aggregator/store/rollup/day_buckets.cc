#include "aggregator/store/rollup/day_buckets.h"

#include <algorithm>
#include <cmath>

namespace opssight {
namespace {

TimeBucket& BucketOf(std::uint32_t number, DayBuckets& buckets) {
  if (buckets.empty() || buckets.back().number != number) {
    buckets.push_back({.number = number, .bucket = {}});
  }
  return buckets.back().bucket;
}

}  // namespace

void AddSamples(DayNumber day, std::int64_t resolution_ms, std::span<const Sample> samples,
                DayBuckets& buckets) {
  const std::int64_t start_ms = day * kMsPerDay;
  for (const Sample& sample : samples) {
    const std::int64_t number = (sample.time_ms - start_ms + resolution_ms - 1) / resolution_ms;
    AddSample(sample, BucketOf(static_cast<std::uint32_t>(number), buckets));
  }
}

DayBuckets Coarser(const DayBuckets& buckets, std::uint32_t times) {
  DayBuckets out;
  for (const DayBucket& one : buckets) {
    JoinBucket(one.bucket, BucketOf((one.number + times - 1) / times, out));
  }
  return out;
}

void JoinBuckets(const DayBuckets& later, DayBuckets& buckets) {
  for (const DayBucket& one : later) JoinBucket(one.bucket, BucketOf(one.number, buckets));
}

bool AreExact(const DayBuckets& buckets) {
  constexpr double kLarge = 1e300;  // Far below what a day's sum needs to overflow.
  return std::none_of(buckets.begin(), buckets.end(), [](const DayBucket& one) {
    const double largest = std::max(std::fabs(one.bucket.min), std::fabs(one.bucket.max));
    return !std::isfinite(one.bucket.sum) && std::isfinite(largest) && largest > kLarge;
  });
}

}  // namespace opssight
