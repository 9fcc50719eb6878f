#include "common/codec/otlp/delta.h"

#include <iterator>

namespace opssight {

void DeltaAccumulator::Expire(std::int64_t now_ms) {
  while (!by_age_.empty() && by_age_.front().used_ms + options_.expiry_ms <= now_ms) {
    values_ -= by_age_.front().sums.size();
    by_key_.erase(by_age_.front().key);
    by_age_.pop_front();
    ++expired_;
  }
}

Result<std::span<const double>> DeltaAccumulator::Add(const DeltaPoint& point,
                                                      std::span<const double> deltas,
                                                      std::int64_t now_ms) {
  Expire(now_ms);
  auto found = by_key_.find(point.series);
  if (found == by_key_.end()) {
    if (by_age_.size() >= options_.series_max || values_ + deltas.size() > options_.values_max) {
      return Exhausted("no room to accumulate one more delta series");
    }
    by_age_.push_back({.key = point.series, .shape = point.shape});
    found = by_key_.emplace(point.series, std::prev(by_age_.end())).first;
  }
  Series& series = *found->second;
  const bool same_shape = series.shape == point.shape && series.sums.size() == deltas.size();
  const bool repeat = same_shape && !series.sums.empty() && point.time_ns == series.time_ns &&
                      point.start_ns == series.start_ns;
  if (!repeat && !series.sums.empty() && point.time_ns <= series.time_ns) {
    return Invalid("a delta that is not newer than the last one of its series");
  }
  if (!same_shape) {
    values_ = values_ - series.sums.size() + deltas.size();
    series.shape = point.shape;
    series.sums.assign(deltas.size(), 0.0);
  }
  if (!repeat) {
    for (std::size_t i = 0; i < deltas.size(); ++i) series.sums[i] += deltas[i];
  }
  series.start_ns = point.start_ns;
  series.time_ns = point.time_ns;
  series.used_ms = now_ms;
  by_age_.splice(by_age_.end(), by_age_, found->second);
  return std::span<const double>(series.sums);
}

}  // namespace opssight
