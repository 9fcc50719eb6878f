// The forms in which an instant eval is repeated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/promql/syntax/parser.h"

namespace opssight::promqltest {

struct Form {
  std::string query;
  std::int64_t time_ms = 0;
};

// The query with @ time on every selector that has none, at other times; none where it does
// not parse or depends on the time it is asked at.
std::vector<Form> PinnedForms(const std::string& query, std::int64_t time_ms,
                              const promql::ParseOptions& options);

}  // namespace opssight::promqltest
