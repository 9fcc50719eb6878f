// Numbers of keys (cut, number) in a metrics day: what a cut wrote, by kind, so that
// loading a day reads lists and series, and steps over the blocks.
#pragma once

#include <cstdint>

namespace opssight {

inline constexpr std::uint32_t kSummaryNumber = 0;        // + part
inline constexpr std::uint32_t kSeriesNumber = 1U << 30;  // + the first series' id
inline constexpr std::uint32_t kBlockNumber = 1U << 31;   // + block
inline constexpr std::uint32_t kDaySeriesMax = 1U << 30;

}  // namespace opssight
