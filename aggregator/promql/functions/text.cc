#include "aggregator/promql/functions/text.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>

#include "common/text/utf8.h"

namespace opssight::promql {

namespace {

template <class... Format>
std::string Chars(double x, Format... format) {
  char buffer[400];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, format...);
  return std::string(buffer, end.ptr);
}

}  // namespace

std::string FormatGeneral(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "+Inf" : "-Inf";
  const std::string scientific = Chars(x, std::chars_format::scientific);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (exponent < -4 || exponent >= 6) return scientific;
  return Chars(x, std::chars_format::fixed);
}

bool IsLabelName(std::string_view name) {
  return !name.empty() && IsUtf8(name);
}

}  // namespace opssight::promql
