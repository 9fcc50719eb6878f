// Durations in [] and behind offset: numbers, and arithmetic with them.
#include <algorithm>
#include <cmath>

#include "aggregator/promql/syntax/parse_tree.h"

namespace opssight::promql {
namespace {

constexpr double kSecondsMax = 9223372036.854775807;  // 64 bits of nanoseconds.
constexpr int kSum = 1;
constexpr int kProduct = 2;
constexpr int kPower = 3;

int Precedence(Tok tok) {
  switch (tok) {
    case Tok::kAdd:
    case Tok::kSub:
      return kSum;
    case Tok::kMul:
    case Tok::kDiv:
    case Tok::kMod:
      return kProduct;
    case Tok::kPow:
      return kPower;
    default:
      return 0;
  }
}

DurationOp ToOp(Tok tok) {
  switch (tok) {
    case Tok::kSub:
      return DurationOp::kSub;
    case Tok::kMul:
      return DurationOp::kMul;
    case Tok::kDiv:
      return DurationOp::kDiv;
    case Tok::kMod:
      return DurationOp::kMod;
    case Tok::kPow:
      return DurationOp::kPow;
    default:
      return DurationOp::kAdd;
  }
}

bool IsNumber(const DurationExpr& expr) {
  return expr.op == DurationOp::kNumber;
}

bool IsCallWord(Tok tok) {
  return tok == Tok::kStep || tok == Tok::kRange || tok == Tok::kMinOf || tok == Tok::kMaxOf;
}

}  // namespace

Duration TreeParser::ToDuration(DurationPtr expr) {
  Duration duration;
  if (!IsNumber(*expr)) {
    duration.expr = std::move(expr);
    return duration;
  }
  constexpr double kNsPerMs = 1e6;
  duration.ms = static_cast<std::int64_t>(std::trunc(std::round(expr->seconds * 1e9) / kNsPerMs));
  return duration;
}

Result<Duration> TreeParser::PositiveDuration() {
  OPS_TRY(DurationPtr expr, DurationOperators(kSum));
  if (IsNumber(*expr) && !(expr->seconds > 0)) {
    return Fail(expr->pos.begin, "duration must be greater than 0");
  }
  return ToDuration(std::move(expr));
}

// A number or call, also signed, and a signed parenthesis end the offset: what follows is an
// operator of the query, so "x offset -2 ^ 2" is (x offset -2) ^ 2. Anything else reads on.
Result<Duration> TreeParser::OffsetDuration() {
  const auto ends = [](Tok tok) {
    return tok == Tok::kNumber || tok == Tok::kDuration || IsCallWord(tok);
  };
  if (ends(Peek().tok)) {
    OPS_TRY(DurationPtr expr, DurationPrimary());
    return ToDuration(std::move(expr));
  }
  if (!Is(Tok::kAdd) && !Is(Tok::kSub)) {
    OPS_TRY(DurationPtr expr, DurationOperators(kSum));
    return ToDuration(std::move(expr));
  }
  const Token sign = Take();
  if (ends(Peek().tok) || Is(Tok::kLeftParen)) {
    OPS_TRY(DurationPtr expr, DurationPrimary());
    OPS_TRY(expr, Signed(sign, std::move(expr)));
    return ToDuration(std::move(expr));
  }
  OPS_TRY(DurationPtr expr, DurationUnary());
  OPS_TRY(expr, Signed(sign, std::move(expr)));
  return ToDuration(std::move(expr));
}

Result<TreeParser::DurationPtr> TreeParser::DurationOperators(int min_precedence) {
  OPS_RETURN_IF_ERROR(Deeper());
  OPS_TRY(DurationPtr left, DurationUnary());
  for (;;) {
    const int precedence = Precedence(Peek().tok);
    if (precedence == 0 || precedence < min_precedence) break;
    const Token op = Take();
    OPS_TRY(DurationPtr right,
            DurationOperators(precedence == kPower ? precedence : precedence + 1));
    if (!options_.duration_expressions) {
      return Fail(left->pos.begin, "experimental duration expression is not enabled");
    }
    const bool zero = IsNumber(*right) && right->seconds == 0;
    if (zero && op.tok == Tok::kDiv) return Fail(op.pos, "division by zero");
    if (zero && op.tok == Tok::kMod) return Fail(op.pos, "modulo by zero");
    auto node = std::make_unique<DurationExpr>();
    node->op = ToOp(op.tok);
    node->pos = {left->pos.begin, right->pos.end};
    node->left = std::move(left);
    node->right = std::move(right);
    OPS_TRY(left, FinishDuration(std::move(node)));
  }
  --depth_;
  return left;
}

Result<TreeParser::DurationPtr> TreeParser::DurationUnary() {
  if (!Is(Tok::kAdd) && !Is(Tok::kSub)) return DurationPrimary();
  const Token sign = Take();
  OPS_TRY(DurationPtr operand, DurationOperators(kPower));
  return Signed(sign, std::move(operand));
}

Result<TreeParser::DurationPtr> TreeParser::Signed(const Token& sign, DurationPtr operand) {
  const bool minus = sign.tok == Tok::kSub;
  if (IsNumber(*operand)) {
    if (minus) operand->seconds = -operand->seconds;
    operand->pos.begin = sign.pos;
    return operand;
  }
  if (!minus) return operand;
  auto node = std::make_unique<DurationExpr>();
  node->op = DurationOp::kMinus;
  node->pos = {sign.pos, operand->pos.end};
  node->right = std::move(operand);
  return FinishDuration(std::move(node));
}

Result<TreeParser::DurationPtr> TreeParser::DurationPrimary() {
  const Tok tok = Peek().tok;
  if (tok == Tok::kNumber || tok == Tok::kDuration) return DurationNumber();
  if (tok == Tok::kLeftParen) return DurationParen();
  if (IsCallWord(tok)) return DurationCall();
  return Unexpected();
}

Result<TreeParser::DurationPtr> TreeParser::DurationNumber() {
  const Token token = Take();
  OPS_TRY(const double seconds, Number(token));
  if (!(std::fabs(seconds) < kSecondsMax)) return Fail(token.pos, "duration out of range");
  auto node = std::make_unique<DurationExpr>();
  node->seconds = seconds;
  node->duration = token.tok == Tok::kDuration;
  node->pos = {token.pos, token.end()};
  return node;
}

Result<TreeParser::DurationPtr> TreeParser::DurationParen() {
  Take();  // (
  OPS_TRY(DurationPtr inner, DurationOperators(kSum));
  OPS_RETURN_IF_ERROR(Expect(Tok::kRightParen));
  if (!options_.duration_expressions) {
    return Fail(inner->pos.begin, "experimental duration expression is not enabled");
  }
  if (!IsNumber(*inner)) {
    inner->wrapped = true;
    return inner;
  }
  auto node = std::make_unique<DurationExpr>();
  node->op = DurationOp::kPlus;
  node->wrapped = true;
  node->pos = inner->pos;
  node->right = std::move(inner);
  return FinishDuration(std::move(node));
}

Result<TreeParser::DurationPtr> TreeParser::DurationCall() {
  const Token word = Take();
  auto node = std::make_unique<DurationExpr>();
  OPS_RETURN_IF_ERROR(Expect(Tok::kLeftParen));
  if (word.tok == Tok::kStep || word.tok == Tok::kRange) {
    node->op = word.tok == Tok::kStep ? DurationOp::kStep : DurationOp::kRange;
  } else {
    node->op = word.tok == Tok::kMinOf ? DurationOp::kMinOf : DurationOp::kMaxOf;
    OPS_TRY(node->left, DurationOperators(kSum));
    OPS_RETURN_IF_ERROR(Expect(Tok::kComma));
    OPS_TRY(node->right, DurationOperators(kSum));
  }
  OPS_TRY(const Token close, Expect(Tok::kRightParen));
  node->pos = {word.pos, close.end()};
  return FinishDuration(std::move(node));
}

Result<TreeParser::DurationPtr> TreeParser::FinishDuration(DurationPtr node) {
  std::uint32_t below = 0;
  if (node->left != nullptr) below = node->left->height;
  if (node->right != nullptr) below = std::max(below, node->right->height);
  node->height = below + 1;
  if (node->height > options_.height_max) {
    return Fail(node->pos.begin, "expression nests too deeply");
  }
  return node;
}

}  // namespace opssight::promql
