// The form of Prometheus' /format_query: what is longer than a line is split, with its parts
// a step further in.
#include "aggregator/promql/syntax/print_parts.h"
#include "aggregator/promql/syntax/printer.h"

namespace opssight::promql {
namespace {

constexpr std::size_t kLineMax = 100;

std::string Indent(std::size_t level) {
  return std::string(2 * level, ' ');
}

std::string Pretty(const Expr& expr, std::size_t level);

std::string PrettyAggregate(const AggregateExpr& node, std::size_t level) {
  std::string out = Indent(level);
  AppendAggregateHead(node, out);
  out += "(\n";
  if (node.param != nullptr) out += Pretty(*node.param, level + 1) + ",\n";
  out += Pretty(*node.expr, level + 1) + "\n" + Indent(level) + ")";
  return out;
}

std::string PrettyBinary(const BinaryExpr& node, std::size_t level) {
  std::string out = Pretty(*node.left, level + 1) + "\n" + Indent(level);
  AppendOperator(node, out);
  out += "\n" + Pretty(*node.right, level + 1);
  return out;
}

std::string PrettyCall(const Call& node, std::size_t level) {
  std::string out = Indent(level) + std::string(node.function->name) + "(\n";
  for (std::size_t i = 0; i < node.args.size(); ++i) {
    if (i != 0) out += ",\n";
    out += Pretty(*node.args[i], level + 1);
  }
  return out + "\n" + Indent(level) + ")";
}

std::string PrettyUnary(const UnaryExpr& node, std::size_t level) {
  const std::string inner = Pretty(*node.expr, level);
  const std::size_t begin = inner.find_first_not_of(" \n");
  return Indent(level) + (node.minus ? "-" : "+") +
         (begin == std::string::npos ? std::string() : inner.substr(begin));
}

std::string Pretty(const Expr& expr, std::size_t level) {
  const std::string line = Print(expr);
  if (const auto* unary = As<UnaryExpr>(expr)) return PrettyUnary(*unary, level);
  const auto* subquery = As<SubqueryExpr>(expr);
  if (line.size() <= kLineMax) return (subquery != nullptr ? "" : Indent(level)) + line;
  switch (expr.kind()) {
    case ExprKind::kAggregate:
      return PrettyAggregate(*As<AggregateExpr>(expr), level);
    case ExprKind::kBinary:
      return PrettyBinary(*As<BinaryExpr>(expr), level);
    case ExprKind::kCall:
      return PrettyCall(*As<Call>(expr), level);
    case ExprKind::kParen:
      return Indent(level) + "(\n" + Pretty(*As<ParenExpr>(expr)->expr, level + 1) + "\n" +
             Indent(level) + ")";
    case ExprKind::kSubquery: {
      std::string out = Pretty(*subquery->expr, level);
      AppendSubqueryTail(*subquery, out);
      return out;
    }
    default:
      return Indent(level) + line;
  }
}

}  // namespace

std::string PrettyPrint(const Expr& expr) {
  return Pretty(expr, 0);
}

}  // namespace opssight::promql
