// A tree as text: on one line, as Prometheus' String() prints it (the canonical form, in
// rules and errors), or pretty, as its /format_query does (lines of at most 100 columns).
// Parsing the text gives the same tree. And as JSON, as its /parse_query does.
#pragma once

#include <string>

#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

std::string Print(const Expr& expr);
std::string PrettyPrint(const Expr& expr);
std::string PrintJson(const Expr& expr);

}  // namespace opssight::promql
