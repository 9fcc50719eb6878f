// Times in seconds. As doubles before they are subtracted: exact for all times near ours, and
// no overflow at the borders of int64, where hostile offsets and ranges end.
#pragma once

#include <cstdint>

namespace opssight::promql {

inline double Seconds(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}
inline double SecondsBetween(std::int64_t from_ms, std::int64_t to_ms) {
  return (static_cast<double>(to_ms) - static_cast<double>(from_ms)) / 1000;
}

}  // namespace opssight::promql
