// Plain selectors of LogQL: {a="b"} |= "x" != "y". Anything beyond is a kInvalid error that
// says where and what, as Loki does ("parse error at line 1, col 3: …").
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/query/source.h"
#include "common/base/result.h"

namespace opssight {

struct LogSelector {
  std::vector<Matcher> matchers;
  std::vector<LineFilter> filters;
};
Result<LogSelector> ParseLogSelector(std::string_view text);

// "1h30m"; units y w d h m s ms, descending, each once. Milliseconds.
Result<std::int64_t> ParseDurationMs(std::string_view text);

}  // namespace opssight
