#include "agent/collect/fields.h"

#include <cmath>
#include <cstdint>

#include "common/text/number.h"

namespace opssight {

bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const std::size_t newline = text.find('\n');
  line = text.substr(0, newline);
  text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  return true;
}

void Fields::Split(std::string_view line) {
  size_ = 0;
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  std::size_t at = 0;
  while (size_ < kMax) {
    while (at < line.size() && blank(line[at])) ++at;
    if (at == line.size()) return;
    const std::size_t from = at;
    while (at < line.size() && !blank(line[at])) ++at;
    fields_[size_++] = line.substr(from, at - from);
  }
}

bool Number(std::string_view field, double& value) {
  constexpr std::size_t kExactDigits = 15;  // A double holds them all.
  if (field.size() <= kExactDigits && !field.empty()) {
    std::uint64_t sum = 0;
    std::size_t i = 0;
    for (; i < field.size() && field[i] >= '0' && field[i] <= '9'; ++i) {
      sum = sum * 10 + static_cast<std::uint64_t>(field[i] - '0');
    }
    if (i == field.size()) {
      value = static_cast<double>(sum);
      return true;
    }
  }
  const auto parsed = ParseDouble(field);
  if (!parsed) return false;
  value = *parsed;
  return true;
}

bool HexNumber(std::string_view field, double& value) {
  const auto parsed = ParseInt<std::uint64_t>(field, 16);
  if (!parsed) return false;
  value = static_cast<double>(*parsed);
  return true;
}

double Scaled(double value, double scale) {
  return scale < 1 ? value / std::round(1 / scale) : value * scale;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

}  // namespace opssight
