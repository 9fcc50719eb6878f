// Base64 (RFC 4648 section 4, and 5 for the URL alphabet on reading) and hex.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace opssight {

std::string Base64(std::string_view bytes);
// Standard or URL alphabet, padded or not; nothing for any other byte.
std::optional<std::string> ParseBase64(std::string_view text);
std::string Hex(std::string_view bytes);  // Lower case.
std::optional<std::string> ParseHex(std::string_view text);

}  // namespace opssight
