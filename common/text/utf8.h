// UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace opssight {

// Bytes of the character that text starts with; 0 if it starts with none.
std::size_t Utf8CharacterLength(std::string_view text);
bool IsUtf8(std::string_view text);

inline constexpr char32_t kReplacement = 0xfffd;

struct Rune {
  char32_t code = kReplacement;
  std::size_t size = 1;  // Bytes taken; 1 for a byte that belongs to no character.
};
// The character that text, which is not empty, starts with.
Rune DecodeUtf8(std::string_view text);
void AppendUtf8(char32_t code, std::string& out);

}  // namespace opssight
