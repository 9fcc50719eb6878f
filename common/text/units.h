// Durations and sizes as people write them in settings and flags, to and from
// numbers. A parse takes the whole text or says nothing was there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

// Prometheus' durations: numbers with y, w, d, h, m, s, ms, each unit at most once
// and the larger first ("1h30m", "500ms"), or "0". A year is 365 days. Milliseconds.
std::optional<std::int64_t> ParsePromDurationMs(std::string_view text);
// "1h30m"; days are the largest unit ("7d"). Reads back the same. Not for negatives.
std::string FormatDurationMs(std::int64_t duration_ms);
// As Prometheus prints: with years or weeks where nothing remains ("1w", but "8d").
std::string FormatPromDurationMs(std::int64_t duration_ms);

// "512MiB", "10GB", "1000". GB is GiB, as in Prometheus' retention size: all units
// (B, KB to EB, KiB to EiB) are powers of 1024.
std::optional<std::uint64_t> ParseByteSize(std::string_view text);
// In the largest unit that divides it: "1GiB", "1500B". Reads back the same.
std::string FormatByteSize(std::uint64_t bytes);

}  // namespace opssight
