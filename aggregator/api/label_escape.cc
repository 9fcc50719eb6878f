#include "aggregator/api/label_escape.h"

#include <cstdint>

#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

constexpr std::string_view kPrefix = "U__";
constexpr std::size_t kDigitsMax = 6;  // Of U+10FFFF.

}  // namespace

std::string UnescapeLabelName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::string(name);
  std::string out;
  std::string_view rest = name.substr(kPrefix.size());
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '_') {
      out.push_back(c);
      continue;
    }
    if (rest.starts_with('_')) {
      out.push_back('_');
      rest.remove_prefix(1);
      continue;
    }
    const std::size_t end = rest.find('_');
    if (end == std::string_view::npos || end > kDigitsMax) return std::string(name);
    const auto code = ParseInt<std::uint32_t>(rest.substr(0, end), 16);
    if (!code || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)) return std::string(name);
    AppendUtf8(*code, out);
    rest.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace opssight
