#include "common/codec/otlp/exponential.h"

#include <algorithm>
#include <utility>

namespace opssight::otlp {
namespace {

constexpr double kDefaultZeroThreshold = 1e-128;
constexpr std::size_t kGapMax = 2;  // Empty buckets that are written rather than a new span.

// Of a range of buckets, in 64 bits: offsets are the sender's.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

Range RangeOf(const ExponentialBuckets& buckets) {
  return {.begin = buckets.offset,
          .end = buckets.offset + static_cast<std::int64_t>(buckets.counts.size())};
}

void Trim(ExponentialBuckets& buckets) {
  std::vector<double>& counts = buckets.counts;
  while (!counts.empty() && counts.back() == 0) counts.pop_back();
  std::size_t empty = 0;
  while (empty < counts.size() && counts[empty] == 0) ++empty;
  counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(empty));
  buckets.offset = counts.empty() ? 0 : buckets.offset + static_cast<std::int32_t>(empty);
}

void Coarsen(ExponentialBuckets& buckets, unsigned steps) {
  if (buckets.counts.empty()) return;
  const Range range = RangeOf(buckets);
  const std::int64_t begin = range.begin >> steps;
  std::vector<double> counts(static_cast<std::size_t>(((range.end - 1) >> steps) - begin + 1), 0);
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    counts[static_cast<std::size_t>((i >> steps) - begin)] +=
        buckets.counts[static_cast<std::size_t>(i - range.begin)];
  }
  buckets = {.offset = static_cast<std::int32_t>(begin), .counts = std::move(counts)};
}

Range Joined(const ExponentialBuckets& a, const ExponentialBuckets& b, unsigned steps) {
  if (a.counts.empty() && b.counts.empty()) return {};
  Range range = RangeOf(a.counts.empty() ? b : a);
  if (!a.counts.empty() && !b.counts.empty()) {
    const Range other = RangeOf(b);
    range = {.begin = std::min(range.begin, other.begin), .end = std::max(range.end, other.end)};
  }
  return {.begin = range.begin >> steps, .end = ((range.end - 1) >> steps) + 1};
}

void Add(ExponentialBuckets& to, const ExponentialBuckets& from) {
  const Range range = Joined(to, from, 0);
  ExponentialBuckets out{
      .offset = static_cast<std::int32_t>(range.begin),
      .counts = std::vector<double>(static_cast<std::size_t>(range.end - range.begin), 0)};
  const auto add = [&out, &range](const ExponentialBuckets& part) {
    for (std::size_t i = 0; i < part.counts.size(); ++i) {
      out.counts[static_cast<std::size_t>(part.offset - range.begin) + i] += part.counts[i];
    }
  };
  add(to);
  add(from);
  to = std::move(out);
}

void AppendSpans(const ExponentialBuckets& buckets, std::vector<BucketSpan>& spans,
                 std::vector<double>& counts) {
  // A bucket of OTLP is one lower than Prometheus', whose index is that of its upper bound.
  std::int64_t next = 0;  // Index after the last span.
  std::size_t empty = 0;
  for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
    if (buckets.counts[i] == 0) {
      ++empty;
      continue;
    }
    const std::int64_t index = std::int64_t{buckets.offset} + 1 + static_cast<std::int64_t>(i);
    if (spans.empty() || empty > kGapMax) {
      spans.push_back({.offset = static_cast<std::int32_t>(index - next), .length = 0});
    } else {
      counts.insert(counts.end(), empty, 0.0);
      spans.back().length += static_cast<std::uint32_t>(empty);
    }
    empty = 0;
    counts.push_back(buckets.counts[i]);
    ++spans.back().length;
    next = index + 1;
  }
}

}  // namespace

void Coarsen(ExponentialHistogram& histogram, std::int32_t scale) {
  const auto steps = static_cast<unsigned>(
      std::min<std::int64_t>(std::int64_t{histogram.scale} - std::int64_t{scale}, 32));
  Coarsen(histogram.positive, steps);
  Coarsen(histogram.negative, steps);
  histogram.scale = scale;
}

bool FitScale(ExponentialHistogram& histogram, std::size_t buckets_max) {
  Trim(histogram.positive);
  Trim(histogram.negative);
  if (histogram.scale > kHistogramSchemaMax) Coarsen(histogram, kHistogramSchemaMax);
  while (histogram.buckets() > buckets_max && histogram.scale > kHistogramSchemaMin) {
    Coarsen(histogram, histogram.scale - 1);
  }
  return histogram.scale >= kHistogramSchemaMin && histogram.buckets() <= buckets_max;
}

bool AddTo(ExponentialHistogram& to, ExponentialHistogram from, std::size_t buckets_max) {
  const std::int32_t scale = std::min(to.scale, from.scale);
  Coarsen(to, scale);
  Coarsen(from, scale);
  // Before memory is taken for the joined range: two buckets may be 2^31 apart.
  unsigned steps = 0;
  const auto joined = [&] {
    const Range positive = Joined(to.positive, from.positive, steps);
    const Range negative = Joined(to.negative, from.negative, steps);
    return static_cast<std::uint64_t>(positive.end - positive.begin) +
           static_cast<std::uint64_t>(negative.end - negative.begin);
  };
  while (joined() > buckets_max) {
    if (scale - static_cast<std::int32_t>(++steps) < kHistogramSchemaMin) return false;
  }
  Coarsen(to, scale - static_cast<std::int32_t>(steps));
  Coarsen(from, scale - static_cast<std::int32_t>(steps));
  Add(to.positive, from.positive);
  Add(to.negative, from.negative);
  to.zero_threshold = std::max(to.zero_threshold, from.zero_threshold);
  to.zero_count += from.zero_count;
  to.count += from.count;
  to.sum += from.sum;
  return true;
}

Histogram ToNative(const ExponentialHistogram& from) {
  Histogram out{
      .schema = from.scale,
      .zero_threshold = from.zero_threshold > 0 ? from.zero_threshold : kDefaultZeroThreshold,
      .zero_count = from.zero_count,
      .count = from.count,
      .sum = from.sum};
  AppendSpans(from.positive, out.positive_spans, out.positive);
  AppendSpans(from.negative, out.negative_spans, out.negative);
  return out;
}

Histogram ToCustom(const std::vector<double>& bounds, const std::vector<double>& counts,
                   double count, double sum) {
  Histogram out{.schema = kCustomBucketsSchema, .count = count, .sum = sum};
  out.custom_values = bounds;
  // The bucket of OTLP's i-th bound has index i; AppendSpans adds one.
  AppendSpans({.offset = -1, .counts = counts}, out.positive_spans, out.positive);
  return out;
}

}  // namespace opssight::otlp
