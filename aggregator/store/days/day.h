// UTC days, the files named after them, and which of them retention drops. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opssight {

using DayNumber = std::int64_t;  // Days since 1970-01-01.

DayNumber DayOfNs(std::int64_t time_ns);
DayNumber DayOfMs(std::int64_t time_ms);

// "l-20260131.mdb", and back; nothing for any other name or prefix.
std::string DayFileName(char prefix, DayNumber day);
std::optional<DayNumber> ParseDayFileName(char prefix, std::string_view name);

// The days to delete: those wholly before keep_from_ms, then the oldest until the rest
// holds at most bytes_max (0: no limit). Never the newest day: it is being written.
std::vector<DayNumber> DaysToDrop(const std::map<DayNumber, std::uint64_t>& bytes_of_day,
                                  std::int64_t keep_from_ms, std::uint64_t bytes_max);

}  // namespace opssight
