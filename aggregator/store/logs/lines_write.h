// The lines of a block to columns: shapes, values by column, and the filter of what
// occurs in them. Pure. Cost: about 2 ns a byte of lines (tests/bench/log_bench.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace opssight {

struct LinesToWrite {
  std::string_view text;                // Back to back.
  std::span<const std::uint32_t> ends;  // Of each line, in text.
  std::span<const std::int64_t> times_ns;
};

// Appends to the directory and the sections of a block; returns the filter, which is
// empty or at most about an eighth of the sections.
std::string WriteLines(const LinesToWrite& lines, std::string& directory, std::string& sections);

}  // namespace opssight
