// Plain selectors of PromQL and LogQL: name{a="b",c=~"d"}[5m], {a="b"} |= "x" != "y".
// Anything beyond is a kInvalid error that says where and what, as Prometheus
// ("1:3: parse error: …") and Loki ("parse error at line 1, col 3: …") do.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/query/source.h"
#include "common/base/result.h"

namespace opssight {

struct MetricSelector {
  std::vector<Matcher> matchers;
  std::int64_t range_ms = 0;  // 0: an instant selector.
};
Result<MetricSelector> ParseMetricSelector(std::string_view text);

struct LogSelector {
  std::vector<Matcher> matchers;
  std::vector<LineFilter> filters;
};
Result<LogSelector> ParseLogSelector(std::string_view text);

// "1h30m"; units y w d h m s ms, descending, each once. Milliseconds.
Result<std::int64_t> ParseDurationMs(std::string_view text);

}  // namespace opssight
