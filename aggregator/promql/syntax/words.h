// Words that are not plain names.
#pragma once

#include <optional>
#include <string_view>

#include "aggregator/promql/syntax/token.h"

namespace opssight::promql {

// In any case of letters. inf and nan are numbers.
std::optional<Tok> FindWord(std::string_view word);

}  // namespace opssight::promql
