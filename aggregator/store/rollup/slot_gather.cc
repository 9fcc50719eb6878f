#include "aggregator/store/rollup/slot_gather.h"

#include <utility>

#include <fmt/core.h>

namespace opssight {
namespace {

constexpr std::uint64_t kSamplesOfBucket = 8;  // As large as so many.

}  // namespace

SlotGather::Slots& SlotGather::SlotsOf(SeriesId series) {
  if (series >= series_.size()) series_.resize(series + 1);
  return series_[series];
}

TimeBucket& SlotGather::BucketOf(std::uint64_t slot, Slots& slots) {
  if (slots.empty() || slots.back().slot != slot) {
    slots.push_back({.slot = slot, .bucket = {}});
    ++buckets_;
  }
  return slots.back().bucket;
}

Status SlotGather::Check() const {
  if (buckets_ <= limits_.samples_max / kSamplesOfBucket) return {};
  return Exhausted(fmt::format("query reads more than {} samples; narrow its time or its series",
                               limits_.samples_max));
}

Status SlotGather::Add(SeriesId series, DayNumber day, const DayBuckets& buckets) {
  Slots& slots = SlotsOf(series);
  for (const DayBucket& one : buckets) {
    const auto slot = query_.SlotOf(EndOfBucket(day, query_.resolution_ms, one.number));
    if (slot) JoinBucket(one.bucket, BucketOf(*slot, slots));
  }
  return Check();
}

Status SlotGather::Add(SeriesId series, const std::vector<Sample>& samples) {
  Slots& slots = SlotsOf(series);
  for (const Sample& sample : samples) {
    if (const auto slot = query_.SlotOf(sample.time_ms)) AddSample(sample, BucketOf(*slot, slots));
  }
  return Check();
}

std::vector<RolledSeries> SlotGather::Finish() {
  std::vector<SeriesId> numbers;
  for (SeriesId number = 0; number < series_.size(); ++number) {
    if (!series_[number].empty()) numbers.push_back(number);
  }
  std::vector<Labels> labels;
  index_.AppendLabels(numbers, labels);
  std::vector<RolledSeries> out;
  out.reserve(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    out.push_back({.labels = std::move(labels[i]), .slots = std::move(series_[numbers[i]])});
  }
  return out;
}

}  // namespace opssight
