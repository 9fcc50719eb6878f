// Instant vector selectors: at each step the newest sample within the lookback.
#pragma once

#include <cstdint>

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// What of the sample becomes the column's value.
enum class SampleField : std::uint8_t {
  kValue,  // And its histogram.
  kTime,   // Of the sample, in ms.
  kStart,  // Its start timestamp, in ms; 0 where it is not known.
};

Result<Columns> EvaluateSelector(Query& query, const VectorSelector& selector, const Steps& steps,
                                 SampleField field);

}  // namespace opssight::promql
