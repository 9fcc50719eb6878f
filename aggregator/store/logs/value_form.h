// Texts that are numbers or bytes in disguise: how a value of a column is parsed so
// that printing gives back the same bytes. A form is found for a whole column; a text
// that does not come back exactly does not have the form. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace opssight {

enum class NumberKind : std::uint8_t {
  kInteger,    // As printed from int64: no sign of plus, no leading zeros.
  kPadded,     // `digits` digits, leading zeros.
  kFixed,      // `digits` digits after the point.
  kShortest,   // At most `digits` after the point, no trailing zeros, no bare point.
  kPoint,      // The same, but at least one: 45.0.
  kTimestamp,  // 2006-01-02T15:04:05 and `digits` digits of fraction, no zone.
};
inline constexpr unsigned kNumberKinds = 6;

struct NumberForm {
  NumberKind kind = NumberKind::kInteger;
  std::uint8_t digits = 0;  // At most kDigitsMax.
};
inline constexpr unsigned kDigitsMax = 18;

// True when Print would give back exactly text. A timestamp counts units of
// 10^-digits s since 1970-01-01.
bool ParseNumber(NumberForm form, std::string_view text, std::int64_t& value);
void PrintNumber(NumberForm form, std::int64_t value, std::string& out);

// Lower- or upper-case hexadecimal of `bytes` bytes; uuid: of 16, with 4 dashes.
struct HexForm {
  std::uint8_t bytes = 0;
  bool upper = false;
  bool uuid = false;

  std::size_t text_size() const { return uuid ? 36 : 2UL * bytes; }
};
inline constexpr std::size_t kHexBytesMax = 64;

// Appends form.bytes bytes; false (and nothing) when Print would not give back text.
bool ParseHex(HexForm form, std::string_view text, std::string& out);
void PrintHex(HexForm form, const char* bytes, std::string& out);

}  // namespace opssight
