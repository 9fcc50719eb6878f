// The parser's insides: recursive descent, with precedence climbing for operators, over
// one token of lookahead. Its first error is its answer; the grammar and the error texts
// are those of Prometheus' yacc grammar, whose "error" productions are Context here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/promql/syntax/lexer.h"
#include "aggregator/promql/syntax/parser.h"
#include "aggregator/promql/syntax/token.h"

namespace opssight::promql {

// "1:3: parse error: …"; pos counts bytes of the query from 0.
Error ParseError(std::string_view query, std::uint32_t pos, std::string_view message);

// Types and counts of arguments, matchers, modifiers: what needs the whole tree. Also
// settles what follows from types (matching of scalars, cardinality of set operators).
Status CheckTree(Expr& root, std::string_view query);

class TreeParser {
 public:
  TreeParser(std::string_view text, const ParseOptions& options)
      : text_(text), options_(options), lexer_(text) {}

  Result<ExprPtr> WholeExpression();
  Result<ExprPtr> WholeSelector();

 private:
  // What an unexpected token is said to be in, and what was expected there.
  struct Context {
    std::string_view in;
    std::string_view expected;
  };
  using DurationPtr = std::unique_ptr<DurationExpr>;

  // parse_tree.cc
  const Token& Peek();
  Token Take();
  bool Is(Tok tok) { return Peek().tok == tok; }
  Result<Token> Expect(Tok tok);
  Error Fail(std::uint32_t pos, std::string_view message);
  Error Unexpected();
  void Enter(std::string_view in, std::string_view expected) {
    contexts_.push_back({in, expected});
  }
  void Leave() { contexts_.pop_back(); }
  Status Deeper();
  template <class T>
  Result<ExprPtr> Finish(std::unique_ptr<T> node, std::uint32_t below);
  Status End();
  Result<double> Number(const Token& token);
  Result<double> SignedNumber();

  // parse_expression.cc
  Result<ExprPtr> Expression(int min_precedence);
  Result<ExprPtr> Unary();
  Result<ExprPtr> Binary(ExprPtr left, int precedence);
  Status Modifiers(BinaryExpr& node);
  Status Fill(BinaryExpr& node);
  Result<ExprPtr> Primary();
  Result<ExprPtr> Literal();
  Result<ExprPtr> Paren();
  Result<ExprPtr> NamedOrCall();
  Result<ExprPtr> FunctionCall(const Token& name);
  Result<ExprPtr> Aggregate(const Token& name);
  Status Grouping(AggregateExpr& node);
  Result<ExprPtr> MakeAggregate(std::unique_ptr<AggregateExpr> node, std::vector<ExprPtr> args);
  Result<std::vector<ExprPtr>> Arguments(std::uint32_t& end);
  Result<std::vector<std::string>> GroupingLabels();
  Result<std::string> GroupingLabel();

  // parse_selector.cc
  Result<ExprPtr> Selector(const Token* name);
  Status Matchers(std::vector<Matcher>& out);
  Result<Matcher> LabelMatcher();
  Result<Matcher> MakeMatcher(std::uint32_t pos, MatchType type, std::string name,
                              std::string value);
  Result<ExprPtr> Postfix(ExprPtr expr);
  Result<ExprPtr> RangeOrSubquery(ExprPtr expr);
  Result<ExprPtr> Range(ExprPtr expr, Duration range, const Token& open);
  Result<ExprPtr> Subquery(ExprPtr expr, Duration range);
  Status Offset(Expr& expr);
  Status AtModifier(Expr& expr);
  Status ExtendModifier(Expr& expr);

  // parse_duration.cc
  Result<Duration> PositiveDuration();
  Result<Duration> OffsetDuration();
  Result<DurationPtr> DurationOperators(int min_precedence);
  Result<DurationPtr> DurationUnary();
  Result<DurationPtr> DurationPrimary();
  Result<DurationPtr> DurationParen();
  Result<DurationPtr> DurationCall();
  Result<DurationPtr> DurationNumber();
  Result<DurationPtr> Signed(const Token& sign, DurationPtr operand);
  Result<DurationPtr> FinishDuration(DurationPtr node);
  static Duration ToDuration(DurationPtr expr);

  std::string_view text_;
  const ParseOptions& options_;
  Lexer lexer_;
  std::optional<Token> peeked_;
  Token last_;  // Taken.
  std::size_t depth_ = 0;
  std::vector<Context> contexts_ = {{"", ""}};
};

template <class T>
Result<ExprPtr> TreeParser::Finish(std::unique_ptr<T> node, std::uint32_t below) {
  node->height = below + 1;
  if (node->height > options_.height_max) {
    return Fail(node->pos.begin, "expression nests too deeply");
  }
  return ExprPtr(std::move(node));
}

}  // namespace opssight::promql
