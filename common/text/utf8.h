// Whether bytes are UTF-8: shortest forms only, no surrogates, at most U+10FFFF.
#pragma once

#include <string_view>

namespace opssight {

bool IsUtf8(std::string_view bytes);

}  // namespace opssight
