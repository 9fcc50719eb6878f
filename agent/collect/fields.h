// Cutting /proc texts: lines, fields, numbers. Views into the caller's text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace opssight {

// Takes the first line (without '\n') off text; false at the end.
bool NextLine(std::string_view& text, std::string_view& line);

// Fields of line between blanks and tabs, into fields (cleared first).
void SplitFields(std::string_view line, std::vector<std::string_view>& fields);

// A whole decimal field as a double; false (and value untouched) for anything else.
bool Number(std::string_view field, double& value);

std::string_view Trim(std::string_view text);

}  // namespace opssight
