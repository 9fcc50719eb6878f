// What the writer and the reader of span blocks share. Internal to this folder.
#pragma once

#include <string_view>

#include "aggregator/store/spans/span_block.h"
#include "common/base/result.h"

namespace opssight::span_block {

inline constexpr std::string_view kMagic = "OSB1";

Error Bad(std::string_view what);
Result<SpanBlockHead> ParseHead(std::string_view bytes, const SpanBlockLimits& limits);

}  // namespace opssight::span_block
