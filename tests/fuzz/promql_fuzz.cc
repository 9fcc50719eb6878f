// Any bytes are a query or refused; what parses prints to a query that prints the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregator/promql/syntax/parser.h"
#include "aggregator/promql/syntax/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight::promql;  // NOLINT(google-build-using-namespace)
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  ParseOptions options;
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.binop_fill_modifiers = true;
  (void)ParseMetricSelector(query);
  const auto expr = ParseExpr(query, options);
  if (!expr) return 0;
  (void)PrintJson(**expr);
  const std::string text = Print(**expr);
  for (const std::string& form : {text, PrettyPrint(**expr)}) {
    const auto again = ParseExpr(form, options);
    if (!again || Print(**again) != text) __builtin_trap();
  }
  return 0;
}
