// What the writer and the reader of log blocks share.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/model/labels.h"

namespace opssight {

inline constexpr std::string_view kLogBlockMagic = "OLB2";

// Takes a count and that many pairs off the front.
Result<Labels> ReadBlockLabels(std::string_view& bytes);

}  // namespace opssight
