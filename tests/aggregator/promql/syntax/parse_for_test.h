// What the tests of this folder share.
#pragma once

#include <string>
#include <string_view>

#include "aggregator/promql/syntax/parser.h"
#include "aggregator/promql/syntax/printer.h"

namespace opssight::promql {

inline ParseOptions AllOfIt() {
  ParseOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.binop_fill_modifiers = true;
  return options;
}

// The error's text, or "" where the query parses.
inline std::string ErrorOf(std::string_view query, const ParseOptions& options = AllOfIt()) {
  const auto expr = ParseExpr(query, options);
  return expr ? std::string() : expr.error().message;
}

// Printed on one line, or the error.
inline std::string Printed(std::string_view query, const ParseOptions& options = AllOfIt()) {
  const auto expr = ParseExpr(query, options);
  return expr ? Print(**expr) : expr.error().message;
}

}  // namespace opssight::promql
