// SlotGather puts buckets and samples of many series into the slots of one query. What is
// added to a series comes in the order of its times. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/query/rollup.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/rollup/day_buckets.h"

namespace opssight {

class SlotGather {
 public:
  // Numbers of series are of index. All outlive it.
  SlotGather(const SlotQuery& query, const QueryLimits& limits, const SeriesIndex& index)
      : query_(query), limits_(limits), index_(index) {}

  // kExhausted: more buckets than the limit allows.
  Status Add(SeriesId series, DayNumber day, const DayBuckets& buckets);
  Status Add(SeriesId series, const std::vector<Sample>& samples);

  std::vector<RolledSeries> Finish();  // Those that have something.

 private:
  using Slots = std::vector<RolledSeries::Slot>;
  Slots& SlotsOf(SeriesId series);
  TimeBucket& BucketOf(std::uint64_t slot, Slots& slots);
  Status Check() const;

  const SlotQuery& query_;
  const QueryLimits& limits_;
  const SeriesIndex& index_;
  std::vector<Slots> series_;  // By number.
  std::uint64_t buckets_ = 0;
};

}  // namespace opssight
