#include "common/codec/otlp/delta.h"

#include <iterator>
#include <utility>

namespace opssight {

std::size_t DeltaAccumulator::Series::values() const {
  constexpr std::size_t kBesideBuckets = 5;
  return sums.size() + (exponential ? exponential->buckets() + kBesideBuckets : 0);
}

void DeltaAccumulator::Expire(std::int64_t now_ms) {
  while (!by_age_.empty() && by_age_.front().used_ms + options_.expiry_ms <= now_ms) {
    values_ -= by_age_.front().values();
    by_key_.erase(by_age_.front().key);
    by_age_.pop_front();
    ++expired_;
  }
}

Result<DeltaAccumulator::Found> DeltaAccumulator::Find(const DeltaPoint& point, std::size_t values,
                                                       std::int64_t now_ms) {
  Expire(now_ms);
  auto found = by_key_.find(point.series);
  if (found == by_key_.end()) {
    if (by_age_.size() >= options_.series_max || values_ + values > options_.values_max) {
      return Exhausted("no room to accumulate one more delta series");
    }
    by_age_.push_back({.key = point.series, .shape = point.shape});
    found = by_key_.emplace(point.series, std::prev(by_age_.end())).first;
  }
  Series& series = *found->second;
  const bool repeat = series.shape == point.shape && !series.empty() &&
                      point.time_ns == series.time_ns && point.start_ns == series.start_ns;
  if (!repeat && !series.empty() && point.time_ns <= series.time_ns) {
    return Invalid("a delta that is not newer than the last one of its series");
  }
  series.start_ns = point.start_ns;
  series.time_ns = point.time_ns;
  series.used_ms = now_ms;
  by_age_.splice(by_age_.end(), by_age_, found->second);
  return Found{.series = &series, .repeat = repeat};
}

Result<std::span<const double>> DeltaAccumulator::Add(const DeltaPoint& point,
                                                      std::span<const double> deltas,
                                                      std::int64_t now_ms) {
  OPS_TRY(const Found found, Find(point, deltas.size(), now_ms));
  Series& series = *found.series;
  const bool same_shape = series.shape == point.shape && series.sums.size() == deltas.size();
  if (!same_shape) {
    values_ -= series.values();
    series.shape = point.shape;
    series.exponential.reset();
    series.sums.assign(deltas.size(), 0.0);
    values_ += series.values();
  }
  if (!found.repeat || !same_shape) {
    for (std::size_t i = 0; i < deltas.size(); ++i) series.sums[i] += deltas[i];
  }
  return std::span<const double>(series.sums);
}

Result<const otlp::ExponentialHistogram*> DeltaAccumulator::Add(const DeltaPoint& point,
                                                                otlp::ExponentialHistogram delta,
                                                                std::size_t buckets_max,
                                                                std::int64_t now_ms) {
  OPS_TRY(const Found found, Find(point, delta.buckets(), now_ms));
  Series& series = *found.series;
  if (found.repeat && series.exponential) return &*series.exponential;
  values_ -= series.values();
  series.shape = point.shape;
  series.sums.clear();
  if (!series.exponential) {
    series.exponential = std::move(delta);
  } else if (!AddTo(*series.exponential, std::move(delta), buckets_max)) {
    series.exponential.reset();  // As if it had been forgotten: a reset for who reads it.
    return Exhausted("no scale holds the buckets of this delta series together");
  }
  values_ += series.values();
  return &*series.exponential;
}

}  // namespace opssight
