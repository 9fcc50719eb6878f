// Durations of a query's text made into milliseconds: those written as they are, and those
// that are computed (`[step() * 2]`, `offset (1h / 2)`).
#pragma once

#include <cstdint>

#include "aggregator/promql/syntax/ast.h"
#include "common/base/result.h"

namespace opssight::promql {

// What step() and range() are; both 0 in an instant query.
struct DurationTerms {
  std::int64_t step_ms = 0;
  std::int64_t range_ms = 0;
};

// kInvalid: "duration must be greater than 0" (unless negative ones are fine, as in offset),
// "duration is out of range", "division by zero", "modulo by zero".
Result<std::int64_t> ResolveDuration(const Duration& duration, const DurationTerms& terms,
                                     bool allow_negative);

}  // namespace opssight::promql
