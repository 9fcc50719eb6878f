// Texts that functions and aggregations make, beside FormatFloat.
#pragma once

#include <string>
#include <string_view>

namespace opssight::promql {

// As Go's %g, which annotations show numbers in: "1.1", "1e+06", "NaN", "+Inf".
std::string FormatGeneral(double x);

// Any UTF-8 that is not empty.
bool IsLabelName(std::string_view name);

}  // namespace opssight::promql
