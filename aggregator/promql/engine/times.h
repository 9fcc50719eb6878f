// Milliseconds that do not overflow: hostile offsets, ranges and @ times end at the
// borders of int64 instead of wrapping round.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace opssight::promql {

inline std::int64_t AddMs(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<std::int64_t>::max()
               : std::numeric_limits<std::int64_t>::min();
}

inline std::int64_t SubMs(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? std::numeric_limits<std::int64_t>::max()
               : std::numeric_limits<std::int64_t>::min();
}

// The time that a selector or a subquery looks at, for a step: the step's or that of @,
// less the offset.
struct TimeShift {
  std::optional<std::int64_t> at_ms;
  std::int64_t offset_ms = 0;
  std::int64_t Of(std::int64_t step_ms) const { return SubMs(at_ms.value_or(step_ms), offset_ms); }
};

}  // namespace opssight::promql
