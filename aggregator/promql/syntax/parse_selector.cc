// Selectors, and what stands behind an expression: ranges, subqueries, offset, @.
#include <cmath>

#include <fmt/format.h>

#include "aggregator/promql/syntax/parse_tree.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::promql {
namespace {

constexpr std::string_view kName = "__name__";
constexpr std::string_view kDurations = "number, duration, step(), or range()";

// What an offset, @, anchored and smoothed are set on.
struct Target {
  Duration* offset = nullptr;
  At* at = nullptr;
  Extend* extend = nullptr;  // Null: a subquery.
};

std::optional<Target> FindTarget(Expr& expr) {
  VectorSelector* selector = As<VectorSelector>(expr);
  if (auto* range = As<MatrixSelector>(expr)) selector = range->selector.get();
  if (selector != nullptr) return Target{&selector->offset, &selector->at, &selector->extend};
  if (auto* subquery = As<SubqueryExpr>(expr)) {
    return Target{&subquery->offset, &subquery->at, nullptr};
  }
  return std::nullopt;
}

bool IsSet(const Duration& duration) {
  return duration.ms != 0 || duration.expr != nullptr;
}

// As Go's %f.
std::string FormatF(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:f}", value);
}

}  // namespace

Result<ExprPtr> TreeParser::Selector(const Token* name) {
  auto node = std::make_unique<VectorSelector>();
  if (name != nullptr) {
    node->name = name->text;
    node->pos = {name->pos, name->end()};
  } else if (!Is(Tok::kLeftBrace)) {
    return Unexpected();
  }
  if (Is(Tok::kLeftBrace)) {
    if (name == nullptr) node->pos.begin = Peek().pos;
    OPS_RETURN_IF_ERROR(Matchers(node->matchers));
    node->pos.end = last_.end();
  }
  if (name != nullptr) {
    OPS_TRY(Matcher matcher,
            MakeMatcher(name->pos, MatchType::kEqual, std::string(kName), node->name));
    node->matchers.push_back(std::move(matcher));
  }
  return Finish(std::move(node), 0);
}

Status TreeParser::Matchers(std::vector<Matcher>& out) {
  Take();  // {
  Enter("label matching", "identifier or \"}\"");
  while (!Is(Tok::kRightBrace)) {
    contexts_.back().expected = "identifier or \"}\"";
    OPS_TRY(Matcher matcher, LabelMatcher());
    out.push_back(std::move(matcher));
    contexts_.back().expected = "\",\" or \"}\"";
    if (!Is(Tok::kComma)) break;
    Take();
  }
  OPS_RETURN_IF_ERROR(Expect(Tok::kRightBrace));
  Leave();
  return {};
}

Result<Matcher> TreeParser::LabelMatcher() {
  if (!Is(Tok::kIdentifier) && !Is(Tok::kString)) return Unexpected();
  const Token label = Take();
  const bool quoted = label.tok == Tok::kString;
  std::string name(label.text);
  if (quoted) name = UnquoteGo(label.text).value_or("");
  MatchType type = MatchType::kEqual;
  switch (Peek().tok) {
    case Tok::kEqual:
      break;
    case Tok::kNeq:
      type = MatchType::kNotEqual;
      break;
    case Tok::kEqualRegex:
      type = MatchType::kRegex;
      break;
    case Tok::kNotEqualRegex:
      type = MatchType::kNotRegex;
      break;
    default:
      if (quoted) return MakeMatcher(label.pos, type, std::string(kName), std::move(name));
      contexts_.back().expected = "label matching operator";
      return Unexpected();
  }
  Take();
  contexts_.back().expected = "string";
  OPS_TRY(const Token value, Expect(Tok::kString));
  return MakeMatcher(label.pos, type, std::move(name), UnquoteGo(value.text).value_or(""));
}

Result<Matcher> TreeParser::MakeMatcher(std::uint32_t pos, MatchType type, std::string name,
                                        std::string value) {
  auto matcher = Matcher::Make(type, std::move(name), std::move(value));
  if (!matcher) return Fail(pos, matcher.error().message);
  return *std::move(matcher);
}

Result<ExprPtr> TreeParser::Postfix(ExprPtr expr) {
  for (;;) {
    switch (Peek().tok) {
      case Tok::kLeftBracket: {
        OPS_TRY(expr, RangeOrSubquery(std::move(expr)));
        break;
      }
      case Tok::kOffset:
        OPS_RETURN_IF_ERROR(Offset(*expr));
        break;
      case Tok::kAt:
        OPS_RETURN_IF_ERROR(AtModifier(*expr));
        break;
      case Tok::kAnchored:
      case Tok::kSmoothed:
        OPS_RETURN_IF_ERROR(ExtendModifier(*expr));
        break;
      default:
        return expr;
    }
  }
}

Result<ExprPtr> TreeParser::RangeOrSubquery(ExprPtr expr) {
  const Token open = Take();
  Enter("subquery or range selector", kDurations);
  OPS_TRY(Duration range, PositiveDuration());
  contexts_.back() = {"subquery or range", "\":\" or \"]\""};
  if (Is(Tok::kColon)) return Subquery(std::move(expr), std::move(range));
  return Range(std::move(expr), std::move(range), open);
}

Result<ExprPtr> TreeParser::Range(ExprPtr expr, Duration range, const Token& open) {
  OPS_TRY(const Token close, Expect(Tok::kRightBracket));
  Leave();
  auto* selector = As<VectorSelector>(*expr);
  if (selector == nullptr) return Fail(open.pos, "ranges only allowed for vector selectors");
  if (IsSet(selector->offset)) return Fail(open.pos, "no offset modifiers allowed before range");
  if (selector->at.kind == AtKind::kTime) {
    return Fail(open.pos, "no @ modifiers allowed before range");
  }
  auto node = std::make_unique<MatrixSelector>();
  node->pos = {expr->pos.begin, close.end()};
  node->range = std::move(range);
  expr.release();  // Now the node's, as what it is.
  node->selector.reset(selector);
  return Finish(std::move(node), 1);
}

Result<ExprPtr> TreeParser::Subquery(ExprPtr expr, Duration range) {
  Take();  // :
  auto node = std::make_unique<SubqueryExpr>();
  node->range = std::move(range);
  if (!Is(Tok::kRightBracket)) {
    contexts_.back() = {"subquery selector", "number, duration, step(), range(), or \"]\""};
    OPS_TRY(Duration step, PositiveDuration());
    node->step = std::move(step);
    contexts_.back().expected = "\"]\"";
  }
  OPS_TRY(const Token close, Expect(Tok::kRightBracket));
  Leave();
  node->pos = {expr->pos.begin, close.end()};
  const std::uint32_t below = expr->height;
  node->expr = std::move(expr);
  return Finish(std::move(node), below);
}

Status TreeParser::Offset(Expr& expr) {
  Take();  // offset
  Enter("offset", kDurations);
  OPS_TRY(Duration offset, OffsetDuration());
  Leave();
  const auto target = FindTarget(expr);
  if (!target) {
    return Fail(expr.pos.begin,
                "offset modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery");
  }
  if (IsSet(*target->offset)) {
    return Fail(expr.pos.begin, "offset may not be set multiple times");
  }
  *target->offset = std::move(offset);
  expr.pos.end = last_.end();
  return {};
}

Status TreeParser::AtModifier(Expr& expr) {
  Take();  // @
  Enter("@", "timestamp");
  At at;
  double seconds = 0;
  if (Is(Tok::kStart) || Is(Tok::kEndWord)) {
    at.kind = Take().tok == Tok::kStart ? AtKind::kStart : AtKind::kEnd;
    OPS_RETURN_IF_ERROR(Expect(Tok::kLeftParen));
    OPS_RETURN_IF_ERROR(Expect(Tok::kRightParen));
  } else {
    at.kind = AtKind::kTime;
    OPS_TRY(seconds, SignedNumber());
    // Milliseconds must fit 64 bits.
    constexpr double kSecondsMax = 9.2e15;
    if (!(std::fabs(seconds) < kSecondsMax)) {
      return Fail(expr.pos.begin, "timestamp out of bounds for @ modifier: " + FormatF(seconds));
    }
    at.ms = static_cast<std::int64_t>(std::round(seconds * 1000));
  }
  Leave();
  const auto target = FindTarget(expr);
  if (!target) {
    return Fail(expr.pos.begin,
                "@ modifier must be preceded by an instant vector selector or range vector "
                "selector or a subquery");
  }
  if (target->at->kind != AtKind::kNone) {
    return Fail(expr.pos.begin, "@ <timestamp> may not be set multiple times");
  }
  *target->at = at;
  expr.pos.end = last_.end();
  return {};
}

Status TreeParser::ExtendModifier(Expr& expr) {
  const Token word = Take();
  const bool anchored = word.tok == Tok::kAnchored;
  const std::string_view name = anchored ? "anchored" : "smoothed";
  const std::uint32_t begin = expr.pos.begin;
  if (!options_.extended_range_selectors) {
    return Fail(begin, fmt::format("{} modifier is experimental and not enabled", name));
  }
  const auto target = FindTarget(expr);
  // Prometheus' words for a modifier behind what is no selector.
  if (!target) return Fail(begin, fmt::format("{} modifier not implemented", name));
  if (target->extend == nullptr) {
    return Fail(begin, fmt::format("{} modifier is not supported for subqueries", name));
  }
  const Extend extend = anchored ? Extend::kAnchored : Extend::kSmoothed;
  if (*target->extend != Extend::kNone && *target->extend != extend) {
    return Fail(begin, "anchored and smoothed modifiers cannot be used together");
  }
  *target->extend = extend;
  expr.pos.end = word.end();
  return {};
}

}  // namespace opssight::promql
