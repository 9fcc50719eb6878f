#include "common/codec/http/headers.h"

namespace opssight {

std::string AsciiLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view FindHeader(const Headers& headers, std::string_view lower_name) {
  for (const auto& header : headers) {
    if (header.first == lower_name) return header.second;
  }
  return {};
}

bool ListHasToken(std::string_view list, std::string_view lower_token) {
  const std::string lower = AsciiLower(list);
  std::string_view rest = lower;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    std::string item(rest.substr(0, comma));
    std::erase_if(item, [](char c) { return c == ' ' || c == '\t'; });
    const std::size_t semicolon = item.find(';');
    if (std::string_view(item).substr(0, semicolon) == lower_token) {
      if (semicolon == std::string::npos) return true;
      const std::string_view weight = std::string_view(item).substr(semicolon + 1);
      return weight.substr(0, 2) != "q=" ||
             weight.find_first_not_of("0.", 2) != std::string_view::npos;
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace opssight
