#include "aggregator/promql/syntax/printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "aggregator/promql/syntax/print_parts.h"
#include "common/text/names.h"
#include "common/text/number.h"
#include "common/text/quote.h"
#include "common/text/units.h"

namespace opssight::promql {
namespace {

constexpr std::string_view kName = "__name__";

void AppendLabel(std::string_view name, std::string& out) {
  if (IsPlainLabelName(name)) {
    out += name;
  } else {
    AppendQuotedGo(name, out);
  }
}

void AppendLabels(const std::vector<std::string>& labels, std::string& out) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i != 0) out += ", ";
    AppendLabel(labels[i], out);
  }
}

std::string MatcherText(const Matcher& matcher) {
  std::string text;
  AppendLabel(matcher.name(), text);
  text += ToText(matcher.type());
  AppendQuotedGo(matcher.value(), text);
  return text;
}

// v: milliseconds; negative where it looks ahead.
void AppendSigned(std::int64_t ms, std::string& out) {
  if (ms < 0) out.push_back('-');
  out += FormatPromDurationMs(ms < 0 ? -ms : ms);
}

void AppendDurationExpr(const DurationExpr& expr, std::string& out);

void AppendDurationNumber(const DurationExpr& expr, std::string& out) {
  if (expr.duration) {
    AppendSigned(static_cast<std::int64_t>(expr.seconds * 1000), out);
  } else {
    AppendFixed(expr.seconds, out);
  }
}

std::string_view Sign(DurationOp op) {
  switch (op) {
    case DurationOp::kAdd:
      return " + ";
    case DurationOp::kSub:
      return " - ";
    case DurationOp::kMul:
      return " * ";
    case DurationOp::kDiv:
      return " / ";
    case DurationOp::kMod:
      return " % ";
    default:
      return " ^ ";
  }
}

void AppendDurationExpr(const DurationExpr& expr, std::string& out) {
  if (expr.wrapped) out.push_back('(');
  switch (expr.op) {
    case DurationOp::kNumber:
      AppendDurationNumber(expr, out);
      break;
    case DurationOp::kStep:
      out += "step()";
      break;
    case DurationOp::kRange:
      out += "range()";
      break;
    case DurationOp::kMinus:
      out.push_back('-');
      [[fallthrough]];
    case DurationOp::kPlus:
      AppendDurationExpr(*expr.right, out);
      break;
    case DurationOp::kMinOf:
    case DurationOp::kMaxOf:
      out += expr.op == DurationOp::kMinOf ? "min_of(" : "max_of(";
      AppendDurationExpr(*expr.left, out);
      out += ", ";
      AppendDurationExpr(*expr.right, out);
      out.push_back(')');
      break;
    default:
      AppendDurationExpr(*expr.left, out);
      out += Sign(expr.op);
      AppendDurationExpr(*expr.right, out);
  }
  if (expr.wrapped) out.push_back(')');
}

void AppendDuration(const Duration& duration, std::string& out) {
  if (duration.expr != nullptr) {
    AppendDurationExpr(*duration.expr, out);
  } else {
    out += FormatPromDurationMs(duration.ms);
  }
}

void AppendOffset(const Duration& offset, std::string& out) {
  if (offset.expr == nullptr && offset.ms == 0) return;
  out += " offset ";
  if (offset.expr != nullptr) {
    AppendDurationExpr(*offset.expr, out);
  } else {
    AppendSigned(offset.ms, out);
  }
}

void AppendAt(const At& at, std::string& out) {
  if (at.kind == AtKind::kTime) {
    const std::uint64_t ms =
        at.ms < 0 ? 0 - static_cast<std::uint64_t>(at.ms) : static_cast<std::uint64_t>(at.ms);
    out += fmt::format(" @ {}{}.{:03}", at.ms < 0 ? "-" : "", ms / 1000, ms % 1000);
  } else if (at.kind != AtKind::kNone) {
    out += at.kind == AtKind::kStart ? " @ start()" : " @ end()";
  }
}

void AppendExtend(Extend extend, std::string& out) {
  if (extend == Extend::kAnchored) out += " anchored";
  if (extend == Extend::kSmoothed) out += " smoothed";
}

// name{a="b"}, without what stands behind it.
void AppendBareSelector(const VectorSelector& node, std::string& out) {
  std::vector<std::string> texts;
  for (const Matcher& matcher : node.matchers) {
    const bool is_name = matcher.name() == kName && matcher.type() == MatchType::kEqual &&
                         matcher.value() == node.name && !node.name.empty();
    if (!is_name) texts.push_back(MatcherText(matcher));
  }
  std::sort(texts.begin(), texts.end());
  out += node.name;
  if (texts.empty()) {
    if (node.name.empty()) out += "{}";
    return;
  }
  out.push_back('{');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) out.push_back(',');
    out += texts[i];
  }
  out.push_back('}');
}

void AppendSelector(const VectorSelector& node, std::string& out) {
  AppendBareSelector(node, out);
  AppendAt(node.at, out);
  AppendExtend(node.extend, out);
  AppendOffset(node.offset, out);
}

void AppendRange(const MatrixSelector& node, std::string& out) {
  const VectorSelector& selector = *node.selector;
  AppendBareSelector(selector, out);
  out.push_back('[');
  AppendDuration(node.range, out);
  out.push_back(']');
  AppendExtend(selector.extend, out);
  AppendAt(selector.at, out);
  AppendOffset(selector.offset, out);
}

void AppendFill(const VectorMatching& matching, std::string& out) {
  if (matching.fill_left && matching.fill_left == matching.fill_right) {
    out += " fill (" + FormatGoG(*matching.fill_left) + ")";
    return;
  }
  if (matching.fill_left) out += " fill_left (" + FormatGoG(*matching.fill_left) + ")";
  if (matching.fill_right) out += " fill_right (" + FormatGoG(*matching.fill_right) + ")";
}

void AppendNumber(const NumberLiteral& node, std::string& out) {
  if (node.duration) {
    AppendSigned(static_cast<std::int64_t>(node.value * 1000), out);
  } else {
    AppendFixed(node.value, out);
  }
}

void AppendCall(const Call& node, std::string& out) {
  out += node.function->name;
  out.push_back('(');
  for (std::size_t i = 0; i < node.args.size(); ++i) {
    if (i != 0) out += ", ";
    AppendExpr(*node.args[i], out);
  }
  out.push_back(')');
}

void AppendAggregate(const AggregateExpr& node, std::string& out) {
  AppendAggregateHead(node, out);
  out.push_back('(');
  if (node.param != nullptr) {
    AppendExpr(*node.param, out);
    out += ", ";
  }
  AppendExpr(*node.expr, out);
  out.push_back(')');
}

void AppendBinary(const BinaryExpr& node, std::string& out) {
  AppendExpr(*node.left, out);
  out.push_back(' ');
  AppendOperator(node, out);
  out.push_back(' ');
  AppendExpr(*node.right, out);
}

}  // namespace

std::string_view ToText(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegex:
      return "=~";
    case MatchType::kNotRegex:
      return "!~";
  }
  return "";
}

void AppendAggregateHead(const AggregateExpr& node, std::string& out) {
  out += ToText(node.op);
  if (!node.without && node.grouping.empty()) return;
  out += node.without ? " without (" : " by (";
  AppendLabels(node.grouping, out);
  out += ") ";
}

void AppendOperator(const BinaryExpr& node, std::string& out) {
  out += ToText(node.op);
  if (node.return_bool) out += " bool";
  const VectorMatching& matching = node.matching;
  const bool grouped = matching.card == Card::kManyToOne || matching.card == Card::kOneToMany;
  if (!matching.labels.empty() || matching.on || grouped) {
    out += matching.on ? " on (" : " ignoring (";
    AppendLabels(matching.labels, out);
    out.push_back(')');
  }
  if (grouped) {
    out += matching.card == Card::kManyToOne ? " group_left (" : " group_right (";
    AppendLabels(matching.include, out);
    out.push_back(')');
  }
  AppendFill(matching, out);
}

void AppendSubqueryTail(const SubqueryExpr& node, std::string& out) {
  out.push_back('[');
  AppendDuration(node.range, out);
  out.push_back(':');
  if (node.step) AppendDuration(*node.step, out);
  out.push_back(']');
  AppendAt(node.at, out);
  AppendOffset(node.offset, out);
}

void AppendExpr(const Expr& expr, std::string& out) {
  switch (expr.kind()) {
    case ExprKind::kNumber:
      return AppendNumber(*As<NumberLiteral>(expr), out);
    case ExprKind::kString:
      return AppendQuotedGo(As<StringLiteral>(expr)->value, out);
    case ExprKind::kSelector:
      return AppendSelector(*As<VectorSelector>(expr), out);
    case ExprKind::kRange:
      return AppendRange(*As<MatrixSelector>(expr), out);
    case ExprKind::kSubquery:
      AppendExpr(*As<SubqueryExpr>(expr)->expr, out);
      return AppendSubqueryTail(*As<SubqueryExpr>(expr), out);
    case ExprKind::kUnary:
      out.push_back(As<UnaryExpr>(expr)->minus ? '-' : '+');
      return AppendExpr(*As<UnaryExpr>(expr)->expr, out);
    case ExprKind::kParen:
      out.push_back('(');
      AppendExpr(*As<ParenExpr>(expr)->expr, out);
      out.push_back(')');
      return;
    case ExprKind::kBinary:
      return AppendBinary(*As<BinaryExpr>(expr), out);
    case ExprKind::kAggregate:
      return AppendAggregate(*As<AggregateExpr>(expr), out);
    case ExprKind::kCall:
      return AppendCall(*As<Call>(expr), out);
    case ExprKind::kDuration:
      return AppendDurationExpr(*As<DurationExpr>(expr), out);
  }
}

std::string Print(const Expr& expr) {
  std::string out;
  AppendExpr(expr, out);
  return out;
}

}  // namespace opssight::promql
