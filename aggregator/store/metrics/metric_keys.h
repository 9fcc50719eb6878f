// Numbers of keys (cut, number) in a metrics day: what a cut wrote, by kind, so that
// loading a day reads lists and series, and steps over the blocks.
#pragma once

#include <cstdint>

namespace opssight {

inline constexpr std::uint32_t kSummaryNumber = 0;                // The list of blocks.
inline constexpr std::uint32_t kHistogramSummaryNumber = 1;       // That of blocks of histograms.
inline constexpr std::uint32_t kCleanedNumber = 2;                // Series may have no blocks now.
inline constexpr std::uint32_t kSealNumber = 3;                   // Of cut 0: seal_record.h
inline constexpr std::uint32_t kExemplarNumber = 1U << 20;        // + piece
inline constexpr std::uint32_t kSeriesNumber = 1U << 30;          // + the first series' id
inline constexpr std::uint32_t kBlockNumber = 1U << 31;           // + block
inline constexpr std::uint32_t kHistogramBlockNumber = 3U << 30;  // + block of histograms
inline constexpr std::uint32_t kDaySeriesMax = 1U << 30;

}  // namespace opssight
