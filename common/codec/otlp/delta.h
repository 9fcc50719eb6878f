// DeltaAccumulator turns delta points into cumulative ones, which is what counters
// are here: for each series it keeps the running sums. A point that was seen
// before (a client's repeat after "unavailable") gives the sums again and adds
// nothing; an older one is refused. What is lost with the process, or expires,
// looks like a counter's reset.
//
// Not thread-safe; belongs to one receiver. About 150 B a series and 8 B a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/bytes/hash.h"
#include "common/codec/otlp/exponential.h"

namespace opssight {

struct DeltaOptions {
  std::size_t series_max = 20'000;
  std::size_t values_max = 400'000;    // Of all series; a histogram has one per bucket, and two.
  std::int64_t expiry_ms = 3'600'000;  // A series without a point for this long is forgotten.
};

struct DeltaPoint {
  Hash128 series;
  std::uint64_t shape = 0;  // Of the bounds; where it changes the sums start anew.
  std::int64_t start_ns = 0;
  std::int64_t time_ns = 0;
};

class DeltaAccumulator {
 public:
  explicit DeltaAccumulator(DeltaOptions options) : options_(options) {}

  // The sums with this point in; valid until the next call. kInvalid for a point
  // older than the last, kExhausted when there is no room for one more series or for
  // this one to grow; the sums are then as they were.
  Result<std::span<const double>> Add(const DeltaPoint& point, std::span<const double> deltas,
                                      std::int64_t now_ms);
  // The same for exponential histograms, which get coarser where their range grows, up to
  // buckets_max. Valid until the next call. kExhausted also where no scale holds them.
  Result<const otlp::ExponentialHistogram*> Add(const DeltaPoint& point,
                                                otlp::ExponentialHistogram delta,
                                                std::size_t buckets_max, std::int64_t now_ms);
  // Forgets what had no point since now_ms - expiry_ms.
  void Expire(std::int64_t now_ms);

  std::size_t series() const { return by_age_.size(); }
  std::size_t values() const { return values_; }
  std::uint64_t expired() const { return expired_; }

 private:
  struct Series {
    Hash128 key;
    std::uint64_t shape = 0;
    std::int64_t start_ns = 0;
    std::int64_t time_ns = 0;
    std::int64_t used_ms = 0;
    std::vector<double> sums;
    std::optional<otlp::ExponentialHistogram> exponential;
    bool empty() const { return sums.empty() && !exponential; }
    std::size_t values() const;
  };
  // The series of a point; null: a new one, for which there is room. kInvalid for a point
  // older than its last, unless a repeat of it.
  struct Found {
    Series* series;
    bool repeat;
  };
  Result<Found> Find(const DeltaPoint& point, std::int64_t now_ms);
  // Whether series, null for a new one, may have so many values.
  Status CheckRoom(const Series* series, std::size_t values) const;
  // The series of a point that is taken, in its place by age; a new one is empty.
  Series& Touch(const DeltaPoint& point, std::int64_t now_ms);
  const DeltaOptions options_;
  std::list<Series> by_age_;  // Longest unused first.
  std::unordered_map<Hash128, std::list<Series>::iterator> by_key_;
  std::size_t values_ = 0;
  std::uint64_t expired_ = 0;
};

}  // namespace opssight
