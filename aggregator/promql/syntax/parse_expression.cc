// Operators, aggregations, calls.
#include <array>

#include <fmt/format.h>

#include "aggregator/promql/syntax/parse_tree.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::promql {
namespace {

constexpr int kMulPrecedence = 5;
constexpr int kPowPrecedence = 6;

// 0: no binary operator. More binds tighter.
int Precedence(Tok tok) {
  switch (tok) {
    case Tok::kOr:
      return 1;
    case Tok::kAnd:
    case Tok::kUnless:
      return 2;
    case Tok::kEqlc:
    case Tok::kNeq:
    case Tok::kLte:
    case Tok::kLss:
    case Tok::kGte:
    case Tok::kGtr:
    case Tok::kTrimUpper:
    case Tok::kTrimLower:
      return 3;
    case Tok::kAdd:
    case Tok::kSub:
      return 4;
    case Tok::kMul:
    case Tok::kDiv:
    case Tok::kMod:
    case Tok::kAtan2:
      return kMulPrecedence;
    case Tok::kPow:
      return kPowPrecedence;
    default:
      return 0;
  }
}

bool BeginsExpression(Tok tok) {
  switch (tok) {
    case Tok::kNumber:
    case Tok::kDuration:
    case Tok::kString:
    case Tok::kLeftParen:
    case Tok::kLeftBrace:
    case Tok::kAdd:
    case Tok::kSub:
      return true;
    default:
      return IsMetricName(tok);
  }
}

Op ToOp(Tok tok) {
  switch (tok) {
    case Tok::kSub:
      return Op::kSub;
    case Tok::kMul:
      return Op::kMul;
    case Tok::kDiv:
      return Op::kDiv;
    case Tok::kMod:
      return Op::kMod;
    case Tok::kPow:
      return Op::kPow;
    case Tok::kAtan2:
      return Op::kAtan2;
    case Tok::kEqlc:
      return Op::kEql;
    case Tok::kNeq:
      return Op::kNeq;
    case Tok::kLte:
      return Op::kLte;
    case Tok::kLss:
      return Op::kLss;
    case Tok::kGte:
      return Op::kGte;
    case Tok::kGtr:
      return Op::kGtr;
    case Tok::kTrimUpper:
      return Op::kTrimUpper;
    case Tok::kTrimLower:
      return Op::kTrimLower;
    case Tok::kAnd:
      return Op::kAnd;
    case Tok::kOr:
      return Op::kOr;
    case Tok::kUnless:
      return Op::kUnless;
    default:
      return Op::kAdd;
  }
}

AggregateOp ToAggregate(Tok tok) {
  return static_cast<AggregateOp>(static_cast<int>(tok) - static_cast<int>(Tok::kSum));
}

}  // namespace

Result<ExprPtr> TreeParser::Expression(int min_precedence) {
  OPS_RETURN_IF_ERROR(Deeper());
  OPS_TRY(ExprPtr left, Unary());
  for (;;) {
    const int precedence = Precedence(Peek().tok);
    if (precedence == 0 || precedence < min_precedence) break;
    OPS_TRY(left, Binary(std::move(left), precedence));
  }
  --depth_;
  return left;
}

// A sign binds as * does: -a ^ b is -(a ^ b).
Result<ExprPtr> TreeParser::Unary() {
  if (!Is(Tok::kAdd) && !Is(Tok::kSub)) return Primary();
  const Token sign = Take();
  const bool minus = sign.tok == Tok::kSub;
  OPS_TRY(ExprPtr operand, Expression(kPowPrecedence));
  if (auto* number = As<NumberLiteral>(*operand)) {
    if (minus) number->value = -number->value;
    number->pos.begin = sign.pos;
    return operand;
  }
  auto node = std::make_unique<UnaryExpr>();
  node->minus = minus;
  node->pos = {sign.pos, operand->pos.end};
  const std::uint32_t below = operand->height;
  node->expr = std::move(operand);
  return Finish(std::move(node), below);
}

Result<ExprPtr> TreeParser::Binary(ExprPtr left, int precedence) {
  auto node = std::make_unique<BinaryExpr>();
  const Token op = Take();
  node->op = ToOp(op.tok);
  node->op_pos = {op.pos, op.end()};
  OPS_RETURN_IF_ERROR(Modifiers(*node));
  // All but ^ group to the left.
  OPS_TRY(node->right, Expression(precedence == kPowPrecedence ? precedence : precedence + 1));
  node->left = std::move(left);
  node->pos = {node->left->pos.begin, node->right->pos.end};
  const VectorMatching& matching = node->matching;
  if (!options_.binop_fill_modifiers && (matching.fill_left || matching.fill_right)) {
    return Fail(node->pos.begin, "binop fill modifiers are experimental and not enabled");
  }
  const std::uint32_t below = std::max(node->left->height, node->right->height);
  return Finish(std::move(node), below);
}

Status TreeParser::Modifiers(BinaryExpr& node) {
  if (Is(Tok::kBool)) {
    Take();
    node.return_bool = true;
  }
  if (Is(Tok::kOn) || Is(Tok::kIgnoring)) {
    node.matching.on = Take().tok == Tok::kOn;
    OPS_TRY(node.matching.labels, GroupingLabels());
    if (Is(Tok::kGroupLeft) || Is(Tok::kGroupRight)) {
      node.matching.card = Take().tok == Tok::kGroupLeft ? Card::kManyToOne : Card::kOneToMany;
      if (Is(Tok::kLeftParen)) {
        OPS_TRY(node.matching.include, GroupingLabels());
      }
    }
  }
  return Fill(node);
}

// fill(v), or fill_left(v) and fill_right(v) in either order.
Status TreeParser::Fill(BinaryExpr& node) {
  VectorMatching& matching = node.matching;
  for (;;) {
    const Tok tok = Peek().tok;
    const bool left = tok == Tok::kFill || tok == Tok::kFillLeft;
    const bool right = tok == Tok::kFill || tok == Tok::kFillRight;
    if (!left && !right) return {};
    if ((left && matching.fill_left) || (right && matching.fill_right)) return Unexpected();
    Take();
    OPS_RETURN_IF_ERROR(Expect(Tok::kLeftParen));
    OPS_TRY(const double value, SignedNumber());
    OPS_RETURN_IF_ERROR(Expect(Tok::kRightParen));
    if (left) matching.fill_left = value;
    if (right) matching.fill_right = value;
  }
}

Result<ExprPtr> TreeParser::Primary() {
  const Tok tok = Peek().tok;
  if (tok == Tok::kNumber || tok == Tok::kDuration || tok == Tok::kString) {
    OPS_TRY(ExprPtr expr, Literal());
    return Postfix(std::move(expr));
  }
  if (tok == Tok::kLeftParen) {
    OPS_TRY(ExprPtr expr, Paren());
    return Postfix(std::move(expr));
  }
  if (tok == Tok::kLeftBrace) {
    OPS_TRY(ExprPtr expr, Selector(nullptr));
    return Postfix(std::move(expr));
  }
  if (!IsMetricName(tok)) return Unexpected();
  OPS_TRY(ExprPtr expr, NamedOrCall());
  return Postfix(std::move(expr));
}

Result<ExprPtr> TreeParser::Literal() {
  const Token token = Take();
  if (token.tok == Tok::kString) {
    auto text = UnquoteGo(token.text);
    if (!text) {
      return Fail(token.pos,
                  fmt::format("error unquoting string {}: invalid syntax", QuoteGo(token.text)));
    }
    auto node = std::make_unique<StringLiteral>();
    node->value = std::move(*text);
    node->pos = {token.pos, token.end()};
    return Finish(std::move(node), 0);
  }
  auto node = std::make_unique<NumberLiteral>();
  OPS_TRY(node->value, Number(token));
  node->duration = token.tok == Tok::kDuration;
  node->pos = {token.pos, token.end()};
  return Finish(std::move(node), 0);
}

Result<ExprPtr> TreeParser::Paren() {
  const Token open = Take();
  auto node = std::make_unique<ParenExpr>();
  OPS_TRY(node->expr, Expression(1));
  OPS_TRY(const Token close, Expect(Tok::kRightParen));
  node->pos = {open.pos, close.end()};
  const std::uint32_t below = node->expr->height;
  return Finish(std::move(node), below);
}

Result<ExprPtr> TreeParser::NamedOrCall() {
  const Token name = Take();
  const bool paren = Is(Tok::kLeftParen);
  if (IsAggregator(name.tok) && (paren || Is(Tok::kBy) || Is(Tok::kWithout))) {
    return Aggregate(name);
  }
  if (paren && (name.tok == Tok::kIdentifier || IsParenWord(name.tok))) return FunctionCall(name);
  return Selector(&name);
}

Result<ExprPtr> TreeParser::FunctionCall(const Token& name) {
  auto node = std::make_unique<Call>();
  std::uint32_t end = 0;
  OPS_TRY(node->args, Arguments(end));
  node->function = FindFunction(name.text);
  if (node->function == nullptr) {
    return Fail(name.pos, "unknown function with name " + QuoteGo(name.text));
  }
  if (node->function->experimental && !options_.experimental_functions) {
    return Fail(name.pos, fmt::format("function {} is not enabled", QuoteGo(name.text)));
  }
  node->pos = {name.pos, end};
  std::uint32_t below = 0;
  for (const ExprPtr& arg : node->args) below = std::max(below, arg->height);
  return Finish(std::move(node), below);
}

Result<std::vector<ExprPtr>> TreeParser::Arguments(std::uint32_t& end) {
  std::vector<ExprPtr> args;
  OPS_RETURN_IF_ERROR(Expect(Tok::kLeftParen));
  while (!Is(Tok::kRightParen) || !args.empty()) {
    OPS_TRY(ExprPtr arg, Expression(1));
    args.push_back(std::move(arg));
    if (!Is(Tok::kComma)) break;
    const Token comma = Take();
    if (!BeginsExpression(Peek().tok)) {
      return Fail(comma.pos, "trailing commas not allowed in function call args");
    }
  }
  OPS_TRY(const Token close, Expect(Tok::kRightParen));
  end = close.end();
  return args;
}

Result<ExprPtr> TreeParser::Aggregate(const Token& name) {
  auto node = std::make_unique<AggregateExpr>();
  node->op = ToAggregate(name.tok);
  Enter("aggregation", "");
  bool grouped = false;
  if (!Is(Tok::kLeftParen)) {
    OPS_RETURN_IF_ERROR(Grouping(*node));
    grouped = true;
  }
  std::uint32_t end = 0;
  OPS_TRY(std::vector<ExprPtr> args, Arguments(end));
  if (!grouped && (Is(Tok::kBy) || Is(Tok::kWithout))) {
    OPS_RETURN_IF_ERROR(Grouping(*node));
    end = last_.end();
  }
  Leave();
  node->pos = {name.pos, end};
  return MakeAggregate(std::move(node), std::move(args));
}

Result<ExprPtr> TreeParser::MakeAggregate(std::unique_ptr<AggregateExpr> node,
                                          std::vector<ExprPtr> args) {
  const std::uint32_t begin = node->pos.begin;
  if (args.empty()) return Fail(begin, "no arguments for aggregate expression provided");
  const bool experimental =
      node->op == AggregateOp::kLimitk || node->op == AggregateOp::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    return Fail(begin, fmt::format("{}() is experimental and must be enabled with "
                                   "--enable-feature=promql-experimental-functions",
                                   ToText(node->op)));
  }
  const std::size_t wanted = HasParameter(node->op) ? 2 : 1;
  if (args.size() != wanted) {
    return Fail(begin, fmt::format("wrong number of arguments for aggregate expression provided, "
                                   "expected {}, got {}",
                                   wanted, args.size()));
  }
  std::uint32_t below = args.back()->height;
  if (wanted == 2) {
    below = std::max(below, args.front()->height);
    node->param = std::move(args.front());
  }
  node->expr = std::move(args.back());
  return Finish(std::move(node), below);
}

Status TreeParser::Grouping(AggregateExpr& node) {
  node.without = Take().tok == Tok::kWithout;
  OPS_TRY(node.grouping, GroupingLabels());
  return {};
}

Result<std::vector<std::string>> TreeParser::GroupingLabels() {
  std::vector<std::string> labels;
  Enter("grouping opts", "\"(\"");
  OPS_RETURN_IF_ERROR(Expect(Tok::kLeftParen));
  contexts_.back().expected = "label";
  while (!Is(Tok::kRightParen)) {
    contexts_.back().expected = "label";
    OPS_TRY(std::string label, GroupingLabel());
    labels.push_back(std::move(label));
    contexts_.back().expected = "\",\" or \")\"";
    if (!Is(Tok::kComma)) break;
    Take();
  }
  OPS_RETURN_IF_ERROR(Expect(Tok::kRightParen));
  Leave();
  return labels;
}

Result<std::string> TreeParser::GroupingLabel() {
  if (!IsLabelName(Peek().tok) && !Is(Tok::kString)) return Unexpected();
  const Token token = Take();
  std::string name(token.text);
  if (token.tok == Tok::kString) name = UnquoteGo(token.text).value_or("");
  if (name.empty() || !IsUtf8(name)) {
    return Fail(token.pos, "invalid label name for grouping: " + QuoteGo(name));
  }
  return name;
}

}  // namespace opssight::promql
