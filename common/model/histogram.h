// A native histogram: exponential buckets (schema -4 to 8), or explicit bounds (schema
// -53, "NHCB", custom_values). Counts are doubles: exact for integer histograms up to
// 2^53 observations. Buckets are absolute counts, not deltas. A value; who holds it owns it.
// Facts: https://prometheus.io/docs/specs/native_histograms/
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/result.h"

namespace opssight {

inline constexpr std::int32_t kCustomBucketsSchema = -53;
inline constexpr std::int32_t kHistogramSchemaMin = -4;
inline constexpr std::int32_t kHistogramSchemaMax = 8;

// What is known of a counter reset between this histogram and the one before it.
enum class ResetHint : std::uint8_t { kUnknown, kReset, kNotReset, kGauge };

// `length` buckets that follow each other, `offset` after the end of the span before; of
// the first span it is the index of its first bucket (negative allowed).
struct BucketSpan {
  std::int32_t offset = 0;
  std::uint32_t length = 0;
  bool operator==(const BucketSpan&) const = default;
};

struct Histogram {
  std::int32_t schema = 0;
  ResetHint hint = ResetHint::kUnknown;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<BucketSpan> positive_spans;
  std::vector<BucketSpan> negative_spans;
  std::vector<double> positive;  // As many as the lengths of positive_spans together.
  std::vector<double> negative;
  std::vector<double> custom_values;  // Upper bounds, ascending, without +Inf; only schema -53.

  bool custom() const { return schema == kCustomBucketsSchema; }
};

// Whether it is one: a known schema, spans that agree with the counts and do not overlap,
// no negative counts, bounds that ascend, at most buckets_max buckets. Every histogram from
// outside passes here. kInvalid says what is wrong; kExhausted: too many buckets.
Status CheckHistogram(const Histogram& histogram, std::size_t buckets_max);

}  // namespace opssight
