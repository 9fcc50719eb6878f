#include "common/model/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/core.h>

namespace opssight {
namespace {

Status CheckSide(const char* side, const std::vector<BucketSpan>& spans,
                 const std::vector<double>& counts) {
  std::uint64_t buckets = 0;
  std::int64_t end = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return Invalid(fmt::format("histogram: {} side: span number {} with offset {}", side, i + 1,
                                 spans[i].offset));
    }
    buckets += spans[i].length;
    end += static_cast<std::int64_t>(spans[i].offset) + spans[i].length;
  }
  if (buckets != counts.size()) {
    return Invalid(fmt::format("histogram: {} side: spans need {} buckets, have {} buckets", side,
                               buckets, counts.size()));
  }
  if (end > std::numeric_limits<std::int32_t>::max()) {
    return Invalid(fmt::format("histogram: {} side: a bucket's index is above 2^31", side));
  }
  // NaN is no count either.
  const auto bad = std::find_if(counts.begin(), counts.end(), [](double c) { return !(c >= 0); });
  if (bad == counts.end()) return {};
  return Invalid(fmt::format(
      "histogram: {} side: bucket number {} has observation count of {}: histogram has a bucket "
      "whose observation count is negative",
      side, bad - counts.begin() + 1, *bad));
}

Status CheckCustom(const Histogram& histogram) {
  const std::vector<double>& bounds = histogram.custom_values;
  const auto unordered = [](double a, double b) { return !(a < b); };
  if (std::adjacent_find(bounds.begin(), bounds.end(), unordered) != bounds.end()) {
    return Invalid("histogram: custom buckets: upper bounds must be in strictly increasing order");
  }
  if (std::any_of(bounds.begin(), bounds.end(),
                  [](double b) { return std::isnan(b) || b == HUGE_VAL; })) {
    return Invalid("histogram: custom buckets: NaN or +Inf is no bound that may be given");
  }
  if (histogram.zero_count != 0 || histogram.zero_threshold != 0) {
    return Invalid("histogram: custom buckets: must have zero count and threshold of 0");
  }
  if (!histogram.negative_spans.empty() || !histogram.negative.empty()) {
    return Invalid("histogram: custom buckets: must not have negative buckets");
  }
  std::uint64_t end = 0;  // After the last bucket; one more than bounds is +Inf's.
  for (const BucketSpan& span : histogram.positive_spans) {
    if (span.offset < 0) return Invalid("histogram: custom buckets: a span below the first bucket");
    end += static_cast<std::uint64_t>(span.offset) + span.length;
  }
  if (end > bounds.size() + 1) {
    return Invalid(
        fmt::format("histogram: custom buckets: only {} custom bounds defined which is "
                    "insufficient to cover total span length of {}",
                    bounds.size(), end));
  }
  return {};
}

}  // namespace

Status CheckHistogram(const Histogram& histogram, std::size_t buckets_max) {
  const std::size_t buckets =
      histogram.positive.size() + histogram.negative.size() + histogram.custom_values.size();
  const std::size_t spans = histogram.positive_spans.size() + histogram.negative_spans.size();
  if (buckets > buckets_max || spans > buckets_max) {
    return Exhausted(
        fmt::format("histogram: {} buckets in {} spans, limit {}", buckets, spans, buckets_max));
  }
  const bool exponential =
      histogram.schema >= kHistogramSchemaMin && histogram.schema <= kHistogramSchemaMax;
  if (!exponential && !histogram.custom()) {
    return Invalid(fmt::format("histogram: unknown schema {}", histogram.schema));
  }
  if (exponential && !histogram.custom_values.empty()) {
    return Invalid("histogram: must not have custom bounds with an exponential schema");
  }
  if (histogram.custom()) OPS_RETURN_IF_ERROR(CheckCustom(histogram));
  OPS_RETURN_IF_ERROR(CheckSide("negative", histogram.negative_spans, histogram.negative));
  OPS_RETURN_IF_ERROR(CheckSide("positive", histogram.positive_spans, histogram.positive));
  if (!(histogram.count >= 0) || !(histogram.zero_count >= 0) || !(histogram.zero_threshold >= 0)) {
    return Invalid("histogram: a negative count, zero count or zero threshold");
  }
  return {};
}

}  // namespace opssight
