// Names of labels that are not [a-zA-Z_][a-zA-Z0-9_]* in a URL's path: "U__a_2e_b" is "a.b"
// (Prometheus' "values" escaping). Pure.
#pragma once

#include <string>
#include <string_view>

namespace opssight {

// As it is where it is not so escaped, or wrongly.
std::string UnescapeLabelName(std::string_view name);

}  // namespace opssight
