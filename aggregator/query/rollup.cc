#include "aggregator/query/rollup.h"

#include <bit>
#include <cmath>

#include "common/base/kahan.h"
#include "common/model/record.h"

namespace opssight {
namespace {

bool Differ(double a, double b) {
  return a != b && !(std::isnan(a) && std::isnan(b));
}

void Begin(const Sample& sample, TimeBucket& bucket) {
  bucket = {.count = 1,
            .first_ms = sample.time_ms,
            .last_ms = sample.time_ms,
            .first = sample.value,
            .last = sample.value,
            .min = sample.value,
            .max = sample.value,
            .sum = sample.value};
}

}  // namespace

void AddSample(const Sample& sample, TimeBucket& bucket) {
  if (std::bit_cast<std::uint64_t>(sample.value) == kStaleNanBits) {
    bucket.stale = true;
    return;
  }
  if (bucket.count == 0) return Begin(sample, bucket);
  const double value = sample.value;
  if (value < bucket.last) {
    bucket.carry += bucket.last;
    ++bucket.resets;
  }
  if (Differ(bucket.last, value)) ++bucket.changes;
  if (value < bucket.min || std::isnan(bucket.min)) bucket.min = value;
  if (value > bucket.max || std::isnan(bucket.max)) bucket.max = value;
  KahanAdd(value, bucket.sum, bucket.sum_low);
  ++bucket.count;
  bucket.last = value;
  bucket.last_ms = sample.time_ms;
  bucket.stale = false;
}

void JoinBucket(const TimeBucket& later, TimeBucket& bucket) {
  if (later.count == 0) {
    bucket.stale = bucket.stale || later.stale;
    return;
  }
  if (bucket.count == 0) {
    bucket = later;
    return;
  }
  if (later.first < bucket.last) {
    bucket.carry += bucket.last;
    ++bucket.resets;
  }
  if (later.resets != 0) bucket.carry += later.carry;
  bucket.resets += later.resets;
  bucket.changes += later.changes + (Differ(bucket.last, later.first) ? 1U : 0U);
  if (later.min < bucket.min || std::isnan(bucket.min)) bucket.min = later.min;
  if (later.max > bucket.max || std::isnan(bucket.max)) bucket.max = later.max;
  KahanAdd(later.sum, bucket.sum, bucket.sum_low);
  bucket.sum_low += later.sum_low;
  bucket.count += later.count;
  bucket.last = later.last;
  bucket.last_ms = later.last_ms;
  bucket.stale = later.stale;
}

std::optional<std::uint64_t> SlotQuery::SlotOf(std::int64_t time_ms) const {
  const std::int64_t from_ms = first_end_ms - width_ms;
  if (time_ms <= from_ms || time_ms > last_end_ms()) return std::nullopt;
  if (count == 1) return 0;
  const auto slot = static_cast<std::uint64_t>((time_ms - from_ms - 1) / spacing_ms);
  if (time_ms > EndOf(slot)) return std::nullopt;
  return slot;
}

}  // namespace opssight
