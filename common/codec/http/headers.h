// Header fields of a message, in order, names in lower case.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opssight {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first of this name; "" if absent.
std::string_view FindHeader(const Headers& headers, std::string_view lower_name);
// Whether a comma-separated list holds token, in any case. A weight of 0
// ("gzip;q=0") counts as absent.
bool ListHasToken(std::string_view list, std::string_view lower_token);
std::string AsciiLower(std::string_view text);

}  // namespace opssight
