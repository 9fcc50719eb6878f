#include <string_view>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "common/text/number.h"

namespace opssight::promql {

std::string ToString(const Histogram& histogram) {
  std::string text = "{count:" + FormatGoG(histogram.count) + ", sum:" + FormatGoG(histogram.sum);
  for (const Bucket& bucket : AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    text += bucket.lower_inclusive ? ", [" : ", (";
    text += FormatGoG(bucket.lower) + "," + FormatGoG(bucket.upper);
    text += bucket.upper_inclusive ? "]:" : "):";
    text += FormatGoG(bucket.count);
  }
  return text + "}";
}

}  // namespace opssight::promql
