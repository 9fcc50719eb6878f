// Numbers from and to text, without locale and without exceptions. A parse
// takes the whole text or says nothing was there.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

// Decimal unless base says otherwise; no white space, no '+'.
template <class T>
std::optional<T> ParseInt(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Also "+1", "Inf", "+Inf", "-Inf", "NaN", in any case, as Go's ParseFloat.
std::optional<double> ParseDouble(std::string_view text);

// Shortest text that reads back the same, as Go's 'f' format, with 'e' below
// 1e-6 and from 1e21 on; NaN, +Inf, -Inf. What Prometheus and Loki answer.
std::string FormatDouble(double value);
void AppendDouble(double value, std::string& out);
// The same, but never in 'e' format: Go's 'f' with the fewest digits.
void AppendFixed(double value, std::string& out);
// Go's %g and %v: the fewest digits, in 'e' format below 1e-4 and from 1e6 on.
std::string FormatGoG(double value);

}  // namespace opssight
