// What is wrong with a tree although its words are in order: types, counts, modifiers.
#include <algorithm>

#include <fmt/format.h>

#include "aggregator/promql/syntax/parse_tree.h"
#include "common/text/quote.h"

namespace opssight::promql {
namespace {

class Checker {
 public:
  explicit Checker(std::string_view query) : query_(query) {}

  Status Check(Expr& expr) const {
    switch (expr.kind()) {
      case ExprKind::kSelector:
        return CheckSelector(*As<VectorSelector>(expr));
      case ExprKind::kRange:
        return CheckSelector(*As<MatrixSelector>(expr)->selector);
      case ExprKind::kSubquery:
        return CheckSubquery(*As<SubqueryExpr>(expr));
      case ExprKind::kUnary:
        return CheckUnary(*As<UnaryExpr>(expr));
      case ExprKind::kParen:
        return Check(*As<ParenExpr>(expr)->expr);
      case ExprKind::kBinary:
        return CheckBinary(*As<BinaryExpr>(expr));
      case ExprKind::kAggregate:
        return CheckAggregate(*As<AggregateExpr>(expr));
      case ExprKind::kCall:
        return CheckCall(*As<Call>(expr));
      case ExprKind::kNumber:
      case ExprKind::kString:
      case ExprKind::kDuration:
        break;
    }
    return {};
  }

 private:
  Error Fail(PosRange pos, std::string_view message) const {
    return ParseError(query_, pos.begin, message);
  }

  Status Expect(Expr& expr, ValueType want, std::string_view where) const {
    OPS_RETURN_IF_ERROR(Check(expr));
    if (expr.type() == want) return {};
    return Fail(expr.pos, fmt::format("expected type {} in {}, got {}", ToText(want), where,
                                      ToText(expr.type())));
  }

  Status CheckSelector(const VectorSelector& node) const {
    const auto& matchers = node.matchers;
    if (!node.name.empty()) {
      // The last one is the name's own.
      for (std::size_t i = 0; i + 1 < matchers.size(); ++i) {
        if (matchers[i].name() != "__name__") continue;
        return Fail(node.pos, fmt::format("metric name must not be set twice: {} or {}",
                                          QuoteGo(node.name), QuoteGo(matchers[i].value())));
      }
      return {};
    }
    const bool narrows = std::any_of(matchers.begin(), matchers.end(),
                                     [](const Matcher& matcher) { return !matcher.Matches(""); });
    if (narrows || node.bypass_empty_check) return {};
    return Fail(node.pos, "vector selector must contain at least one non-empty matcher");
  }

  Status CheckSubquery(const SubqueryExpr& node) const {
    OPS_RETURN_IF_ERROR(Check(*node.expr));
    if (node.expr->type() == ValueType::kVector) return {};
    return Fail(node.pos, fmt::format("subquery is only allowed on instant vector, got {} instead",
                                      ShortText(node.expr->type())));
  }

  Status CheckUnary(const UnaryExpr& node) const {
    OPS_RETURN_IF_ERROR(Check(*node.expr));
    const ValueType type = node.expr->type();
    if (type == ValueType::kScalar || type == ValueType::kVector) return {};
    return Fail(node.pos, fmt::format("unary expression only allowed on expressions of type scalar "
                                      "or instant vector, got \"{}\"",
                                      ToText(type)));
  }

  Status CheckAggregate(const AggregateExpr& node) const {
    OPS_RETURN_IF_ERROR(Expect(*node.expr, ValueType::kVector, "aggregation expression"));
    if (node.param == nullptr) return {};
    const bool text = node.op == AggregateOp::kCountValues;
    return Expect(*node.param, text ? ValueType::kString : ValueType::kScalar,
                  "aggregation parameter");
  }

  Status CheckBinary(BinaryExpr& node) const;
  Status CheckMatching(BinaryExpr& node) const;
  Status CheckCount(const Call& node) const;
  Status CheckInfo(const Call& node) const;
  Status CheckCall(const Call& node) const;

  std::string_view query_;
};

Status Checker::CheckBinary(BinaryExpr& node) const {
  OPS_RETURN_IF_ERROR(Check(*node.left));
  OPS_RETURN_IF_ERROR(Check(*node.right));
  const ValueType left = node.left->type();
  const ValueType right = node.right->type();
  const bool comparison = IsComparison(node.op);
  if (node.return_bool && !comparison) {
    return Fail(node.op_pos, "bool modifier can only be used on comparison operators");
  }
  if (comparison && !node.return_bool && left == ValueType::kScalar &&
      right == ValueType::kScalar) {
    return Fail(node.op_pos, "comparisons between scalars must use BOOL modifier");
  }
  for (const std::string& label : node.matching.labels) {
    const auto& include = node.matching.include;
    if (node.matching.on && std::find(include.begin(), include.end(), label) != include.end()) {
      return Fail(node.op_pos, fmt::format("label {} must not occur in ON and GROUP clause at once",
                                           QuoteGo(label)));
    }
  }
  const auto fits = [](ValueType type) {
    return type == ValueType::kScalar || type == ValueType::kVector;
  };
  if (!fits(left) || !fits(right)) {
    return Fail((fits(left) ? node.right : node.left)->pos,
                "binary expression must contain only scalar and instant vector types");
  }
  return CheckMatching(node);
}

Status Checker::CheckMatching(BinaryExpr& node) const {
  const bool vectors =
      node.left->type() == ValueType::kVector && node.right->type() == ValueType::kVector;
  const bool set = IsSet(node.op);
  VectorMatching& matching = node.matching;
  const bool fill = matching.fill_left || matching.fill_right;
  if (!vectors) {
    if (!matching.labels.empty()) {
      return Fail(node.pos, "vector matching only allowed between instant vectors");
    }
    if (fill) {
      return Fail(node.pos, "filling in missing series only allowed between instant vectors");
    }
    if (set) {
      return Fail(node.pos,
                  fmt::format("set operator \"{}\" not allowed in binary scalar expression",
                              ToText(node.op)));
    }
    matching = {};
    return {};
  }
  if (!set) return {};
  if (matching.card != Card::kOneToOne) {
    return Fail(node.pos, fmt::format("no grouping allowed for \"{}\" operation", ToText(node.op)));
  }
  matching.card = Card::kManyToMany;
  if (fill) return Fail(node.pos, "filling in missing series not allowed for set operators");
  return {};
}

Status Checker::CheckCount(const Call& node) const {
  const FunctionInfo& function = *node.function;
  const std::size_t wanted = function.args.size();
  const std::size_t given = node.args.size();
  const auto fail = [&](std::string_view how, std::size_t count) {
    return Fail(node.pos, fmt::format("expected {}{} argument(s) in call to \"{}\", got {}", how,
                                      count, function.name, given));
  };
  if (function.variadic == 0) return given == wanted ? Status{} : Status(fail("", wanted));
  const std::size_t least = wanted - 1;
  if (given < least) return fail("at least ", least);
  const std::size_t most = least + static_cast<std::size_t>(std::max(function.variadic, 0));
  if (function.variadic > 0 && given > most) return fail("at most ", most);
  return {};
}

// The second argument is a set of matchers, no query: it may match anything.
Status Checker::CheckInfo(const Call& node) const {
  Expr& matchers = *node.args[1];
  if (matchers.type() != ValueType::kVector) {
    return Fail(node.pos, fmt::format("expected type instant vector in call to function \"info\", "
                                      "got {}",
                                      ToText(matchers.type())));
  }
  auto* selector = As<VectorSelector>(matchers);
  if (selector == nullptr) return Fail(matchers.pos, "expected label selectors only");
  if (!selector->name.empty()) {
    return Fail(matchers.pos, "expected label selectors only, got vector selector instead");
  }
  selector->bypass_empty_check = true;
  return {};
}

Status Checker::CheckCall(const Call& node) const {
  const FunctionInfo& function = *node.function;
  OPS_RETURN_IF_ERROR(CheckCount(node));
  if (function.name == "info" && node.args.size() > 1) OPS_RETURN_IF_ERROR(CheckInfo(node));
  const std::string where = fmt::format("call to function \"{}\"", function.name);
  for (std::size_t i = 0; i < node.args.size(); ++i) {
    const ValueType want = function.args[std::min(i, function.args.size() - 1)];
    OPS_RETURN_IF_ERROR(Expect(*node.args[i], want, where));
  }
  return {};
}

}  // namespace

Status CheckTree(Expr& root, std::string_view query) {
  return Checker(query).Check(root);
}

}  // namespace opssight::promql
