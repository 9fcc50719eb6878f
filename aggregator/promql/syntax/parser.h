// Parser of PromQL: text to a typed tree, or an error with its position, in Prometheus'
// words: `1:3: parse error: unexpected …` (line and column from 1, column in bytes).
// Pure. Cost: linear in the text. Depth of nesting and length have limits.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "aggregator/promql/syntax/ast.h"
#include "common/base/result.h"

namespace opssight::promql {

struct ParseOptions {
  bool experimental_functions = false;    // promql-experimental-functions
  bool extended_range_selectors = false;  // anchored, smoothed
  bool binop_fill_modifiers = false;      // fill, fill_left, fill_right
  bool duration_expressions = true;
  std::size_t depth_max = 250;    // Of nested expressions.
  std::size_t height_max = 1000;  // Of the tree: also of a + b + c + …, which nests to the left.
  std::size_t bytes_max = 1UL << 20;
};

Result<ExprPtr> ParseExpr(std::string_view text, const ParseOptions& options);

// name{a="b"} as in match[]: a vector selector's matchers, without offset or @.
Result<std::vector<Matcher>> ParseMetricSelector(std::string_view text);

}  // namespace opssight::promql
