// What is kept of a series' floats in a stretch of time: enough to say exactly what PromQL's
// commonest functions say of all of the samples, as long as stretches are whole.
//
//   TimeBucket bucket;
//   for (const Sample& sample : samples) AddSample(sample, bucket);
//   JoinBucket(later, bucket);  // Now of both.
//
// Exact to the bit: all but sums, whose order of additions differs (about 1e-16 of the sum of
// magnitudes), and `carry` where a stretch has several resets. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/query/source.h"
#include "common/base/result.h"

namespace opssight {

// Of the samples that are no stale markers, in the order of their times. NaN is the worst of
// minima and maxima, and of equal ones the first stays, as in PromQL.
struct TimeBucket {
  std::uint64_t count = 0;  // 0: nothing but a stale marker.
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
  double first = 0;
  double last = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double sum_low = 0;  // What sum rounded off.
  // A counter's: what it was before each reset, added up. The increase from the first sample
  // to the last is last - first + carry.
  double carry = 0;
  std::uint64_t resets = 0;
  std::uint64_t changes = 0;
  bool stale = false;  // What came last was a stale marker.
};

// sample is later than all that the bucket holds.
void AddSample(const Sample& sample, TimeBucket& bucket);
// All of later is later than all that bucket holds. Neither need be empty or not.
void JoinBucket(const TimeBucket& later, TimeBucket& bucket);

// Which parts of buckets are to be read; the others are not to be looked at. Times, count and
// stale are always there; carry comes with resets.
struct BucketParts {
  bool first = false;
  bool last = false;
  bool min = false;
  bool max = false;
  bool sum = false;
  bool carry = false;
  bool changes = false;
};

inline constexpr BucketParts kAllBucketParts = {.first = true,
                                                .last = true,
                                                .min = true,
                                                .max = true,
                                                .sum = true,
                                                .carry = true,
                                                .changes = true};

// Slots (end - width, end], end = first_end, first_end + spacing, …, count of them.
// 0 < width <= spacing (0 where count is 1); all are multiples of the resolution.
struct SlotQuery {
  std::int64_t resolution_ms = 0;
  std::int64_t first_end_ms = 0;
  std::int64_t spacing_ms = 0;
  std::int64_t width_ms = 0;
  std::uint64_t count = 1;
  BucketParts parts;

  std::int64_t EndOf(std::uint64_t slot) const {
    return first_end_ms + static_cast<std::int64_t>(slot) * spacing_ms;
  }
  std::int64_t last_end_ms() const { return EndOf(count - 1); }
  // The slot that time_ms is in; nothing between slots and outside.
  std::optional<std::uint64_t> SlotOf(std::int64_t time_ms) const;
};

struct RolledSeries {
  struct Slot {
    std::uint64_t slot = 0;
    TimeBucket bucket;
  };
  Labels labels;
  std::vector<Slot> slots;  // Ascending; only those that hold something.
};

// What a store of samples may have beside them. Any thread.
class RollupSource {
 public:
  virtual ~RollupSource() = default;
  // Of the buckets that it keeps, the coarsest first.
  virtual std::vector<std::int64_t> Resolutions() const = 0;
  // What Select has of the series that match, by slots. Nothing: it would be no cheaper, or
  // not the same (native histograms); then Select is to be asked. One bucket counts as eight
  // samples.
  virtual Result<std::optional<std::vector<RolledSeries>>> SelectSlots(
      const std::vector<Matcher>& matchers, const SlotQuery& query,
      const QueryLimits& limits) const = 0;
};

}  // namespace opssight
