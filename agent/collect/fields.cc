#include "agent/collect/fields.h"

#include "common/text/number.h"

namespace opssight {

bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const std::size_t newline = text.find('\n');
  line = text.substr(0, newline);
  text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  return true;
}

void SplitFields(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  constexpr std::string_view kBlank = " \t";
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = line.find_first_of(kBlank, at);
    fields.push_back(line.substr(at, end - at));
    at = end == std::string_view::npos ? end : line.find_first_not_of(kBlank, end);
  }
}

bool Number(std::string_view field, double& value) {
  const auto parsed = ParseDouble(field);
  if (!parsed) return false;
  value = *parsed;
  return true;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

}  // namespace opssight
