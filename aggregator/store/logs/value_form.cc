#include "aggregator/store/logs/value_form.h"

#include <array>
#include <charconv>

namespace opssight {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

constexpr std::array<std::uint64_t, 20> MakePowers() {
  std::array<std::uint64_t, 20> powers{};
  std::uint64_t power = 1;
  for (std::uint64_t& one : powers) {
    one = power;
    power *= 10;
  }
  return powers;
}
constexpr std::array<std::uint64_t, 20> kPowers = MakePowers();

// All of text is digits, at most 18.
bool Digits(std::string_view text, std::uint64_t& value) {
  if (text.empty() || text.size() > kDigitsMax) return false;
  value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

void PrintPadded(std::uint64_t value, std::size_t digits, std::string& out) {
  char text[20];
  for (std::size_t i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, digits);
}

void PrintUnsigned(std::uint64_t value, std::string& out) {
  char text[20];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, static_cast<std::size_t>(end - text));
}

std::uint64_t Magnitude(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

bool ParseInteger(std::string_view text, std::int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::uint64_t magnitude = 0;
  if (!Digits(text, magnitude)) return false;
  if (text[0] == '0' && (text.size() > 1 || negative)) return false;
  value = negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
  return true;
}

bool ParseDecimal(NumberForm form, std::string_view text, std::int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  if (!Digits(whole, high) || (whole.size() > 1 && whole[0] == '0')) return false;
  if (point != std::string_view::npos && !Digits(fraction, low)) return false;
  if (fraction.size() > form.digits || whole.size() + form.digits > kDigitsMax) return false;
  const bool trimmed = fraction.empty() || fraction.back() != '0';
  switch (form.kind) {
    case NumberKind::kFixed:
      if (fraction.size() != form.digits) return false;
      break;
    case NumberKind::kShortest:
      if (!trimmed) return false;
      break;
    default:
      if (fraction.empty() || (!trimmed && fraction.size() > 1)) return false;
      break;
  }
  const std::uint64_t magnitude =
      high * kPowers[form.digits] + low * kPowers[form.digits - fraction.size()];
  if (negative && magnitude == 0) return false;
  value = negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
  return true;
}

void PrintDecimal(NumberForm form, std::int64_t value, std::string& out) {
  if (value < 0) out.push_back('-');
  const std::uint64_t magnitude = Magnitude(value);
  PrintUnsigned(magnitude / kPowers[form.digits], out);
  out.push_back('.');
  PrintPadded(magnitude % kPowers[form.digits], form.digits, out);
  if (form.kind == NumberKind::kFixed) return;
  while (out.back() == '0') out.pop_back();
  if (out.back() != '.') return;
  if (form.kind == NumberKind::kPoint) {
    out.push_back('0');
  } else {
    out.pop_back();
  }
}

// Days since 1970-01-01 of the proleptic Gregorian calendar and back (Howard
// Hinnant, "chrono-compatible low-level date algorithms").
std::int64_t DaysOf(std::int64_t year, std::uint64_t month, std::uint64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto of_era = static_cast<std::uint64_t>(year - era * 400);
  const std::uint64_t of_year = (153 * (month + (month > 2 ? -3ULL : 9ULL)) + 2) / 5 + day - 1;
  return era * 146'097 +
         static_cast<std::int64_t>(of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719'468;
}

struct Date {
  std::uint64_t year, month, day;
};
Date DateOf(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto of_era = static_cast<std::uint64_t>(days - era * 146'097);
  const std::uint64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::uint64_t month = (5 * of_year + 2) / 153;
  const Date date{.year = static_cast<std::uint64_t>(static_cast<std::int64_t>(year) + era * 400),
                  .month = month < 10 ? month + 3 : month - 9,
                  .day = of_year - (153 * month + 2) / 5 + 1};
  return {.year = date.year + (date.month <= 2 ? 1 : 0), .month = date.month, .day = date.day};
}

constexpr std::string_view kTimeShape = "0000-00-00T00:00:00";
constexpr std::int64_t kSecondsPerDay = 86'400;

std::uint64_t TwoDigits(std::string_view text, std::size_t at) {
  return static_cast<std::uint64_t>((text[at] - '0') * 10 + (text[at + 1] - '0'));
}

bool ParseTimestamp(NumberForm form, std::string_view text, std::int64_t& value) {
  if (form.digits > 9 ||
      text.size() != kTimeShape.size() + (form.digits == 0 ? 0U : form.digits + 1U)) {
    return false;
  }
  for (std::size_t i = 0; i < kTimeShape.size(); ++i) {
    if (kTimeShape[i] == '0' ? !IsDigit(text[i]) : text[i] != kTimeShape[i]) return false;
  }
  std::uint64_t fraction = 0;
  if (form.digits != 0 && (text[19] != '.' || !Digits(text.substr(20), fraction))) return false;
  const std::uint64_t year = TwoDigits(text, 0) * 100 + TwoDigits(text, 2);
  const std::uint64_t month = TwoDigits(text, 5);
  const std::uint64_t day = TwoDigits(text, 8);
  const std::uint64_t hour = TwoDigits(text, 11);
  const std::uint64_t minute = TwoDigits(text, 14);
  const std::uint64_t second = TwoDigits(text, 17);
  // 1700 to 2200: nanoseconds since 1970 fit int64.
  if (year < 1700 || year > 2200 || month - 1 > 11 || day - 1 > 30 || hour > 23 || minute > 59 ||
      second > 59) {
    return false;
  }
  const std::int64_t days = DaysOf(static_cast<std::int64_t>(year), month, day);
  const Date back = DateOf(days);
  if (back.month != month || back.day != day) return false;  // 30th of February.
  const std::int64_t seconds =
      days * kSecondsPerDay + static_cast<std::int64_t>(hour * 3600 + minute * 60 + second);
  value = seconds * static_cast<std::int64_t>(kPowers[form.digits]) +
          static_cast<std::int64_t>(fraction);
  return true;
}

void PrintTimestamp(NumberForm form, std::int64_t value, std::string& out) {
  const auto unit = static_cast<std::int64_t>(kPowers[form.digits]);
  const std::int64_t fraction = (value % unit + unit) % unit;
  std::int64_t seconds = value / unit - (value % unit < 0 ? 1 : 0);
  const std::int64_t of_day = (seconds % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
  const std::int64_t days = seconds / kSecondsPerDay - (seconds % kSecondsPerDay < 0 ? 1 : 0);
  const Date date = DateOf(days);
  const auto in_day = static_cast<std::uint64_t>(of_day);
  PrintPadded(date.year, 4, out);
  out.push_back('-');
  PrintPadded(date.month, 2, out);
  out.push_back('-');
  PrintPadded(date.day, 2, out);
  out.push_back('T');
  PrintPadded(in_day / 3600, 2, out);
  out.push_back(':');
  PrintPadded(in_day / 60 % 60, 2, out);
  out.push_back(':');
  PrintPadded(in_day % 60, 2, out);
  if (form.digits == 0) return;
  out.push_back('.');
  PrintPadded(static_cast<std::uint64_t>(fraction), form.digits, out);
}

constexpr std::array<std::int8_t, 256> MakeNibbles(bool upper) {
  std::array<std::int8_t, 256> nibbles{};
  for (std::int8_t& one : nibbles) one = -1;
  for (unsigned i = 0; i < 10; ++i) nibbles['0' + i] = static_cast<std::int8_t>(i);
  for (unsigned i = 0; i < 6; ++i) {
    nibbles[(upper ? 'A' : 'a') + i] = static_cast<std::int8_t>(10 + i);
  }
  return nibbles;
}
constexpr std::array<std::int8_t, 256> kLower = MakeNibbles(false);
constexpr std::array<std::int8_t, 256> kUpper = MakeNibbles(true);

bool IsDash(HexForm form, std::size_t at) {
  return form.uuid && (at == 8 || at == 13 || at == 18 || at == 23);
}

}  // namespace

bool ParseNumber(NumberForm form, std::string_view text, std::int64_t& value) {
  switch (form.kind) {
    case NumberKind::kInteger:
      return ParseInteger(text, value);
    case NumberKind::kPadded: {
      std::uint64_t magnitude = 0;
      if (text.size() != form.digits || !Digits(text, magnitude)) return false;
      value = static_cast<std::int64_t>(magnitude);
      return true;
    }
    case NumberKind::kTimestamp:
      return ParseTimestamp(form, text, value);
    default:
      return ParseDecimal(form, text, value);
  }
}

void PrintNumber(NumberForm form, std::int64_t value, std::string& out) {
  switch (form.kind) {
    case NumberKind::kInteger:
      if (value < 0) out.push_back('-');
      return PrintUnsigned(Magnitude(value), out);
    case NumberKind::kPadded:
      return PrintPadded(static_cast<std::uint64_t>(value), form.digits, out);
    case NumberKind::kTimestamp:
      return PrintTimestamp(form, value, out);
    default:
      return PrintDecimal(form, value, out);
  }
}

bool ParseHex(HexForm form, std::string_view text, std::string& out) {
  if (text.size() != form.text_size()) return false;
  const auto& nibbles = form.upper ? kUpper : kLower;
  char bytes[kHexBytesMax];
  std::size_t at = 0;
  for (std::size_t i = 0; i < form.bytes; ++i, at += 2) {
    if (IsDash(form, at) && text[at++] != '-') return false;
    const int high = nibbles[static_cast<unsigned char>(text[at])];
    const int low = nibbles[static_cast<unsigned char>(text[at + 1])];
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  out.append(bytes, form.bytes);
  return true;
}

void PrintHex(HexForm form, const char* bytes, std::string& out) {
  const char* const digits = form.upper ? "0123456789ABCDEF" : "0123456789abcdef";
  char text[2 * kHexBytesMax + 4];
  std::size_t at = 0;
  for (std::size_t i = 0; i < form.bytes; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (IsDash(form, at)) text[at++] = '-';
    text[at++] = digits[byte >> 4];
    text[at++] = digits[byte & 15];
  }
  out.append(text, at);
}

}  // namespace opssight
