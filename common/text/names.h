// Names as Prometheus had them before UTF-8 was allowed, which its languages and formats still
// take without quotes. Pure.
#pragma once

#include <string_view>

namespace opssight {

// [a-zA-Z_][a-zA-Z0-9_]*
bool IsPlainLabelName(std::string_view name);
// The same with colons.
bool IsPlainMetricName(std::string_view name);

}  // namespace opssight
