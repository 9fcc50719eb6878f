#include "common/text/number.h"

#include <cmath>
#include <limits>

namespace opssight {
namespace {

bool EqualsNoCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

// The fewest digits that read back the same, then zeros, as Go does; std::to_chars writes all
// digits of the binary number instead.
void AppendLarge(double value, std::string& out) {
  char buffer[40];
  const auto result =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(result.ptr - buffer));
  const std::size_t e = text.find('e');
  const auto exponent = ParseInt<std::size_t>(text.substr(e + 2)).value_or(0);
  std::size_t digits = 0;
  for (const char c : text.substr(0, e)) {
    if (c == '.') continue;
    out.push_back(c);
    digits += c == '-' ? 0 : 1;
  }
  out.append(exponent + 1 - digits, '0');  // At most 17 digits, exponent at least 15.
}

void Append(double value, std::chars_format format, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  constexpr double kExactMax = 9007199254740992;  // 2^53: from here on digits are made up.
  if (format == std::chars_format::fixed && std::fabs(value) > kExactMax) {
    AppendLarge(value, out);
    return;
  }
  char buffer[400];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  out.append(buffer, result.ptr);
}

}  // namespace

std::optional<double> ParseDouble(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '+' || negative)) text.remove_prefix(1);
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  double value = 0;
  if (EqualsNoCase(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (EqualsNoCase(text, "inf") || EqualsNoCase(text, "infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
      return std::nullopt;
    }
    if (error == std::errc::result_out_of_range) return std::nullopt;
  }
  return negative ? -value : value;
}

void AppendDouble(double value, std::string& out) {
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  Append(value, scientific ? std::chars_format::scientific : std::chars_format::fixed, out);
}

void AppendFixed(double value, std::string& out) {
  Append(value, std::chars_format::fixed, out);
}

std::string FormatGoG(double value) {
  std::string out;
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6);
  Append(value, scientific ? std::chars_format::scientific : std::chars_format::fixed, out);
  return out;
}

std::string FormatDouble(double value) {
  std::string out;
  AppendDouble(value, out);
  return out;
}

}  // namespace opssight
