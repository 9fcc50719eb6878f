// Percent and form decoding (WHATWG URL, application/x-www-form-urlencoded).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace opssight {

using Params = std::vector<std::pair<std::string, std::string>>;

// Nothing for a '%' without two hex digits. plus_is_space: '+' means ' '.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);
inline constexpr std::size_t kParamsMax = 16'384;  // In memory one takes far more than on the wire.

// Appends "a=1&b=2" to params, in order. kInvalid for a bad escape, kExhausted above kParamsMax.
Status ParseForm(std::string_view text, Params& params);

}  // namespace opssight
