#include "common/text/utf8.h"

#include <cstddef>

namespace opssight {

namespace {

unsigned char At(std::string_view bytes, std::size_t i) {
  return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
}

bool IsTail(unsigned char byte) {
  return (byte & 0xc0U) == 0x80U;
}

// The length of the character at the front; 0: there is none.
std::size_t CharacterLength(std::string_view bytes) {
  const unsigned char first = At(bytes, 0);
  const unsigned char second = At(bytes, 1);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !IsTail(second)) return 0;
  if (first < 0xe0) return 2;
  if (!IsTail(At(bytes, 2))) return 0;
  if (first < 0xf0) {
    const bool too_long = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return too_long || surrogate ? 0 : 3;
  }
  const bool too_long = first == 0xf0 && second < 0x90;
  const bool too_large = first == 0xf4 && second >= 0x90;
  return too_long || too_large || !IsTail(At(bytes, 3)) ? 0 : 4;
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace opssight
