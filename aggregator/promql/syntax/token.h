// Words of PromQL, as the lexer yields them to the parser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace opssight::promql {

// The order makes groups: see IsOperator and so on.
enum class Tok : std::uint8_t {
  kError,
  kEnd,
  kIdentifier,        // No colon in it.
  kMetricIdentifier,  // With a colon.
  kNumber,
  kDuration,
  kString,  // With its quotes.
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kEqual,  // =

  kAdd,  // Operators.
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqlc,
  kNeq,
  kLte,
  kLss,
  kGte,
  kGtr,
  kTrimUpper,
  kTrimLower,
  kEqualRegex,
  kNotEqualRegex,
  kAnd,
  kOr,
  kUnless,
  kAt,

  kSum,  // Aggregators, as AggregateOp.
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,

  kOffset,  // Keywords.
  kAnchored,
  kSmoothed,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kBool,

  kStart,  // Words that stand before ().
  kEndWord,
  kStep,
  kRange,
  kMinOf,
  kMaxOf,
};

constexpr bool IsOperator(Tok tok) {
  return tok >= Tok::kAdd && tok <= Tok::kAt;
}
constexpr bool IsAggregator(Tok tok) {
  return tok >= Tok::kSum && tok <= Tok::kLimitRatio;
}
constexpr bool IsKeyword(Tok tok) {
  return tok >= Tok::kOffset && tok <= Tok::kBool;
}
constexpr bool IsParenWord(Tok tok) {
  return tok >= Tok::kStart && tok <= Tok::kMaxOf;
}

// A metric may be called so, beside {__name__="…"}.
constexpr bool IsMetricName(Tok tok) {
  switch (tok) {
    case Tok::kIdentifier:
    case Tok::kMetricIdentifier:
    case Tok::kAnd:
    case Tok::kOr:
    case Tok::kUnless:
    case Tok::kBy:
    case Tok::kWithout:
    case Tok::kOffset:
    case Tok::kAnchored:
    case Tok::kSmoothed:
      return true;
    default:
      return IsAggregator(tok) || IsParenWord(tok);
  }
}
// A label in by(…) and on(…) may be called so, unquoted.
constexpr bool IsLabelName(Tok tok) {
  return IsMetricName(tok) || tok == Tok::kAtan2 || tok == Tok::kBool || tok == Tok::kOn ||
         tok == Tok::kIgnoring || tok == Tok::kGroupLeft || tok == Tok::kGroupRight;
}

struct Token {
  Tok tok = Tok::kEnd;
  std::uint32_t pos = 0;  // Where it begins.
  std::string_view text;  // Of the query.
  std::uint32_t end() const { return pos + static_cast<std::uint32_t>(text.size()); }
};

// "identifier \"x\"", "<by>", "end of input": as errors name what they did not expect.
std::string Describe(const Token& token);

}  // namespace opssight::promql
