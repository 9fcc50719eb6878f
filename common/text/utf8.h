// UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace opssight {

// Bytes of the character that text starts with; 0 if it starts with none.
std::size_t Utf8CharacterLength(std::string_view text);
bool IsUtf8(std::string_view text);

}  // namespace opssight
