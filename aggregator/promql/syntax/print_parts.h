// Pieces of printed queries that the one-line, the pretty and the JSON form share.
#pragma once

#include <string>
#include <string_view>

#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

std::string_view ToText(MatchType type);  // "=", "!~", …
void AppendExpr(const Expr& expr, std::string& out);
void AppendAggregateHead(const AggregateExpr& node, std::string& out);  // sum by (a)
void AppendOperator(const BinaryExpr& node, std::string& out);          // + on (a)
void AppendSubqueryTail(const SubqueryExpr& node, std::string& out);    // [5m:1m] offset 1m

}  // namespace opssight::promql
