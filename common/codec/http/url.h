// Percent and form decoding (WHATWG URL, application/x-www-form-urlencoded).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opssight {

using Params = std::vector<std::pair<std::string, std::string>>;

// Nothing for a '%' without two hex digits. plus_is_space: '+' means ' '.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);
// Appends "a=1&b=2" to params, in order. False for a bad escape.
bool ParseForm(std::string_view text, Params& params);

}  // namespace opssight
