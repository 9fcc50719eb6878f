// Buckets as they are shown, and changes of layout.
#include <algorithm>
#include <utility>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

// custom: bounds are the histogram's own; the first bucket holds -Inf too.
Bucket MakeBucket(double lower, double upper, double count, std::int64_t index, bool custom) {
  return {.lower = lower,
          .upper = upper,
          .count = count,
          .lower_inclusive = custom ? index == 0 : (lower < 0),
          .upper_inclusive = custom || (upper > 0),
          .index = static_cast<std::int32_t>(index)};
}

// Buckets that reach into the zero bucket end at it.
void AppendSide(const Histogram& histogram, bool negative, std::vector<Bucket>& buckets) {
  const double zero = histogram.zero_threshold;
  const bool custom = histogram.custom();
  const auto& spans = negative ? histogram.negative_spans : histogram.positive_spans;
  const auto& counts = negative ? histogram.negative : histogram.positive;
  std::int64_t before = 0;
  double upper = 0;
  ForEachBucket(spans, counts, [&](std::int64_t index, double count) {
    const bool follows = before + 1 == index && !buckets.empty();
    double lower = follows ? upper : UpperBound(index - 1, histogram);
    upper = UpperBound(index, histogram);
    before = index;
    if (!custom && lower < zero) lower = std::min(zero, upper);
    buckets.push_back(negative ? MakeBucket(-upper, -lower, count, index, custom)
                               : MakeBucket(lower, upper, count, index, custom));
  });
}

void CompactSide(std::vector<BucketSpan>& spans, std::vector<double>& counts) {
  Cells cells = ToCells(spans, counts, {});
  std::erase_if(cells, [](const Cell& cell) { return cell.count == 0; });
  FromCells(cells, spans, counts, nullptr);
}

bool IsCompact(const std::vector<BucketSpan>& spans, const std::vector<double>& counts) {
  if (std::find(counts.begin(), counts.end(), 0.0) != counts.end()) return false;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].length == 0 || (i > 0 && spans[i].offset == 0)) return false;
  }
  return true;
}

}  // namespace

std::vector<Bucket> AllBuckets(const Histogram& histogram) {
  std::vector<Bucket> buckets;
  buckets.reserve(histogram.positive.size() + histogram.negative.size() + 1);
  AppendSide(histogram, true, buckets);
  std::reverse(buckets.begin(), buckets.end());
  if (histogram.zero_count > 0) {
    buckets.push_back({.lower = -histogram.zero_threshold,
                       .upper = histogram.zero_threshold,
                       .count = histogram.zero_count,
                       .lower_inclusive = true,
                       .upper_inclusive = true});
  }
  std::vector<Bucket> positive;
  positive.reserve(histogram.positive.size());
  AppendSide(histogram, false, positive);
  buckets.insert(buckets.end(), positive.begin(), positive.end());
  return buckets;
}

void Compact(Histogram& histogram) {
  if (!IsCompact(histogram.positive_spans, histogram.positive)) {
    CompactSide(histogram.positive_spans, histogram.positive);
  }
  if (!IsCompact(histogram.negative_spans, histogram.negative)) {
    CompactSide(histogram.negative_spans, histogram.negative);
  }
}

}  // namespace opssight::promql
