// A series' samples of one UTC day as buckets. Bucket k of a day is the stretch of time
// (day + (k - 1) * resolution, day + k * resolution] as far as it is of this day: bucket 0 is
// its first millisecond, which queries count with what was before, and the last bucket lacks
// the day's end. So a day needs nothing of its neighbours, and JoinBucket makes them whole.
// Pure. Times are ms, UTC.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "aggregator/query/rollup.h"
#include "aggregator/store/days/day.h"
#include "common/base/clock.h"

namespace opssight {

inline constexpr std::int64_t kFineMs = 300'000;
inline constexpr std::int64_t kCoarseMs = 3'600'000;

struct DayBucket {
  std::uint32_t number = 0;  // k.
  TimeBucket bucket;
};
using DayBuckets = std::vector<DayBucket>;  // Ascending.

// Adds samples of the day, times ascending and later than what buckets hold.
void AddSamples(DayNumber day, std::int64_t resolution_ms, std::span<const Sample> samples,
                DayBuckets& buckets);
// The same with buckets `times` as wide.
DayBuckets Coarser(const DayBuckets& buckets, std::uint32_t times);
// Joins what came later in the day.
void JoinBuckets(const DayBuckets& later, DayBuckets& buckets);

// False: a sum of finite values became infinite, so means cannot be told from it.
bool AreExact(const DayBuckets& buckets);

inline std::int64_t EndOfBucket(DayNumber day, std::int64_t resolution_ms, std::uint32_t number) {
  return day * kMsPerDay + number * resolution_ms;
}

}  // namespace opssight
