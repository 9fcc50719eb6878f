#include "common/codec/otlp/delta.h"

#include <iterator>
#include <utility>

namespace opssight {
namespace {

std::size_t ValuesOf(const otlp::ExponentialHistogram& histogram) {
  constexpr std::size_t kBesideBuckets = 5;
  return histogram.buckets() + kBesideBuckets;
}

}  // namespace

std::size_t DeltaAccumulator::Series::values() const {
  return sums.size() + (exponential ? ValuesOf(*exponential) : 0);
}

void DeltaAccumulator::Expire(std::int64_t now_ms) {
  while (!by_age_.empty() && by_age_.front().used_ms + options_.expiry_ms <= now_ms) {
    values_ -= by_age_.front().values();
    by_key_.erase(by_age_.front().key);
    by_age_.pop_front();
    ++expired_;
  }
}

Result<DeltaAccumulator::Found> DeltaAccumulator::Find(const DeltaPoint& point,
                                                       std::int64_t now_ms) {
  Expire(now_ms);
  const auto known = by_key_.find(point.series);
  if (known == by_key_.end()) {
    if (by_age_.size() >= options_.series_max) {
      return Exhausted("no room to accumulate one more delta series");
    }
    return Found{.series = nullptr, .repeat = false};
  }
  const Series& series = *known->second;
  const bool repeat = series.shape == point.shape && !series.empty() &&
                      point.time_ns == series.time_ns && point.start_ns == series.start_ns;
  if (!repeat && !series.empty() && point.time_ns <= series.time_ns) {
    return Invalid("a delta that is not newer than the last one of its series");
  }
  return Found{.series = &*known->second, .repeat = repeat};
}

Status DeltaAccumulator::CheckRoom(const Series* series, std::size_t values) const {
  const std::size_t had = series == nullptr ? 0 : series->values();
  if (values <= had || values_ - had + values <= options_.values_max) return {};
  return Exhausted(series == nullptr ? "no room to accumulate one more delta series"
                                     : "no room for this delta series to grow");
}

DeltaAccumulator::Series& DeltaAccumulator::Touch(const DeltaPoint& point, std::int64_t now_ms) {
  auto found = by_key_.find(point.series);
  if (found == by_key_.end()) {
    by_age_.push_back({.key = point.series, .shape = point.shape});
    found = by_key_.emplace(point.series, std::prev(by_age_.end())).first;
  }
  Series& series = *found->second;
  series.start_ns = point.start_ns;
  series.time_ns = point.time_ns;
  series.used_ms = now_ms;
  by_age_.splice(by_age_.end(), by_age_, found->second);
  return series;
}

Result<std::span<const double>> DeltaAccumulator::Add(const DeltaPoint& point,
                                                      std::span<const double> deltas,
                                                      std::int64_t now_ms) {
  OPS_TRY(const Found found, Find(point, now_ms));
  OPS_RETURN_IF_ERROR(CheckRoom(found.series, deltas.size()));
  Series& series = Touch(point, now_ms);
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
  OPS_TRY(const Found found, Find(point, now_ms));
  if (found.repeat && found.series->exponential) {
    return &*Touch(point, now_ms).exponential;
  }
  std::optional<otlp::ExponentialHistogram> sum;
  bool fits = true;
  if (found.series != nullptr && found.series->exponential) {
    sum = found.series->exponential;
    fits = AddTo(*sum, std::move(delta), buckets_max);
  } else {
    sum = std::move(delta);
  }
  if (fits) OPS_RETURN_IF_ERROR(CheckRoom(found.series, ValuesOf(*sum)));
  Series& series = Touch(point, now_ms);
  values_ -= series.values();
  series.shape = point.shape;
  series.sums = {};
  series.exponential = std::move(sum);
  if (!fits) {
    series.exponential.reset();  // As if it had been forgotten: a reset for who reads it.
    return Exhausted("no scale holds the buckets of this delta series together");
  }
  values_ += series.values();
  return &*series.exponential;
}

}  // namespace opssight
