#include "common/codec/http/url.h"

#include <fmt/core.h>

namespace opssight {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

Status ParseForm(std::string_view text, Params& params) {
  while (!text.empty()) {
    const std::size_t amp = text.find('&');
    const std::string_view pair = text.substr(0, amp);
    if (!pair.empty()) {
      const std::size_t equal = pair.find('=');
      auto name = PercentDecode(pair.substr(0, equal), true);
      std::optional<std::string> value = equal == std::string_view::npos
                                             ? std::optional<std::string>("")
                                             : PercentDecode(pair.substr(equal + 1), true);
      if (!name || !value) return Invalid("bad escape");
      if (params.size() >= kParamsMax) {
        return Exhausted(fmt::format("more than {} parameters", kParamsMax));
      }
      params.emplace_back(*std::move(name), *std::move(value));
    }
    if (amp == std::string_view::npos) break;
    text.remove_prefix(amp + 1);
  }
  return {};
}

}  // namespace opssight
