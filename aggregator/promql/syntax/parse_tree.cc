#include "aggregator/promql/syntax/parse_tree.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "common/text/number.h"
#include "common/text/quote.h"
#include "common/text/units.h"

namespace opssight::promql {
namespace {

// Go's durations are nanoseconds in 64 bits.
constexpr std::int64_t kDurationMsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000;

// Underscores stand between digits, or behind a base's letters.
bool TakeUnderscores(std::string_view text, std::string& out) {
  char before = '^';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = (c >= '0' && c <= '9') || (i > 1 && text[0] == '0' && c != '_');
    if (c == '_') {
      if (before != '0') return false;
    } else if (before == '_' && !digit) {
      return false;
    } else {
      out.push_back(c);
    }
    before = c == '_' ? '_' : digit || (i == 1 && text[0] == '0') ? '0' : '!';
  }
  return before != '_';
}

// As Go's ParseInt with base 0: 0x1f, 017, 15.
std::optional<std::int64_t> ParseAnyBase(std::string_view text) {
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    return ParseInt<std::int64_t>(text.substr(2), 16);
  }
  if (text.size() > 1 && text[0] == '0') return ParseInt<std::int64_t>(text.substr(1), 8);
  return ParseInt<std::int64_t>(text);
}

bool OutOfRange(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc::result_out_of_range;
}

}  // namespace

Error ParseError(std::string_view query, std::uint32_t pos, std::string_view message) {
  if (query.empty()) return Invalid(fmt::format("unknown position: parse error: {}", message));
  const std::string_view before = query.substr(0, pos);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return Invalid(fmt::format("{}:{}: parse error: {}", line, column, message));
}

const Token& TreeParser::Peek() {
  if (!peeked_) peeked_ = lexer_.Next();
  return *peeked_;
}

Token TreeParser::Take() {
  last_ = Peek();
  peeked_.reset();
  return last_;
}

Result<Token> TreeParser::Expect(Tok tok) {
  if (!Is(tok)) return Unexpected();
  return Take();
}

Error TreeParser::Fail(std::uint32_t pos, std::string_view message) {
  // What the lexer has already met came first.
  if (peeked_ && peeked_->tok == Tok::kError) {
    return ParseError(text_, peeked_->pos, lexer_.error());
  }
  return ParseError(text_, pos, message);
}

Error TreeParser::Unexpected() {
  const Token& token = Peek();
  const Context& context = contexts_.back();
  std::string message = "unexpected " + Describe(token);
  if (!context.in.empty()) message.append(" in ").append(context.in);
  if (!context.expected.empty()) message.append(", expected ").append(context.expected);
  return Fail(token.pos, message);
}

Status TreeParser::Deeper() {
  if (++depth_ > options_.depth_max) return Fail(Peek().pos, "expression nests too deeply");
  return {};
}

Status TreeParser::End() {
  if (!Is(Tok::kEnd)) return Unexpected();
  return {};
}

Result<double> TreeParser::Number(const Token& token) {
  if (token.tok == Tok::kDuration) {
    const auto ms = ParsePromDurationMs(token.text);
    if (!ms) return Fail(token.pos, "not a valid duration string: " + QuoteGo(token.text));
    if (*ms > kDurationMsMax) return Fail(token.pos, "duration out of range");
    return static_cast<double>(*ms) / 1000;
  }
  std::string digits;
  const bool shaped = TakeUnderscores(token.text, digits);
  if (shaped) {
    if (const auto integer = ParseAnyBase(digits)) return static_cast<double>(*integer);
    if (const auto number = ParseDouble(digits)) return *number;
  }
  return Fail(
      token.pos,
      fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}", QuoteGo(token.text),
                  shaped && OutOfRange(digits) ? "value out of range" : "invalid syntax"));
}

Result<double> TreeParser::SignedNumber() {
  const bool minus = Is(Tok::kSub);
  if (minus || Is(Tok::kAdd)) Take();
  if (!Is(Tok::kNumber) && !Is(Tok::kDuration)) return Unexpected();
  OPS_TRY(const double value, Number(Take()));
  return minus ? -value : value;
}

Result<ExprPtr> TreeParser::WholeExpression() {
  if (text_.size() > options_.bytes_max) {
    return ParseError(text_, 0, fmt::format("query is longer than {} bytes", options_.bytes_max));
  }
  if (Is(Tok::kEnd)) return Fail(0, "no expression found in input");
  OPS_TRY(ExprPtr expr, Expression(1));
  OPS_RETURN_IF_ERROR(End());
  OPS_RETURN_IF_ERROR(CheckTree(*expr, text_));
  return expr;
}

Result<ExprPtr> TreeParser::WholeSelector() {
  if (text_.size() > options_.bytes_max) {
    return ParseError(text_, 0, fmt::format("query is longer than {} bytes", options_.bytes_max));
  }
  std::optional<Token> name;
  if (IsMetricName(Peek().tok)) name = Take();
  OPS_TRY(ExprPtr expr, Selector(name ? &*name : nullptr));
  OPS_RETURN_IF_ERROR(End());
  return expr;
}

Result<ExprPtr> ParseExpr(std::string_view text, const ParseOptions& options) {
  return TreeParser(text, options).WholeExpression();
}

Result<std::vector<Matcher>> ParseMetricSelector(std::string_view text) {
  const ParseOptions options;
  OPS_TRY(const ExprPtr expr, TreeParser(text, options).WholeSelector());
  return As<VectorSelector>(*expr)->matchers;
}

}  // namespace opssight::promql
