// Where the values of a JSON object stand in its line, so that the text between
// them (keys, punctuation, blanks) can be stored once for many lines. It splits, it
// does not judge: every byte of the line is in a value or between two, whatever the
// line. Objects are entered; an array is one value; a string's value is what stands
// between its quotes, as written. Pure. Cost: about 1 ns a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace opssight {

struct JsonValue {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint64_t path = 0;  // Of the keys that lead to it; equal for equal keys.
};

inline constexpr std::size_t kJsonDepthMax = 16;
inline constexpr std::size_t kJsonValuesMax = 128;  // Of one line.

// False, and values are of no use, for a line that is no JSON object, is deeper or has
// more values than the limits, or has none. Between two values stand at least 3 bytes.
bool SplitJson(std::string_view line, std::vector<JsonValue>& values);

// Where the value that begins at `at` ends; npos where none does. A string's value
// ends at its closing quote; others at a comma, bracket or blank.
std::size_t StringEnd(std::string_view line, std::size_t at);
std::size_t BareEnd(std::string_view line, std::size_t at);

}  // namespace opssight
