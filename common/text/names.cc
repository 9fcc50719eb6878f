#include "common/text/names.h"

#include <algorithm>

namespace opssight {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsOf(std::string_view name, bool colons) {
  if (name.empty() || IsDigit(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [colons](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (colons && c == ':');
  });
}

}  // namespace

bool IsPlainLabelName(std::string_view name) {
  return IsOf(name, false);
}

bool IsPlainMetricName(std::string_view name) {
  return IsOf(name, true);
}

}  // namespace opssight
