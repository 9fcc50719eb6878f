#include "aggregator/promql/syntax/parser.h"

#include "tests/aggregator/promql/syntax/parse_for_test.h"

namespace opssight::promql {
namespace {

using ::testing::ElementsAre;

std::string Where(const Expr& expr) {
  return std::to_string(expr.pos.begin) + "-" + std::to_string(expr.pos.end);
}

// Own position, then those of the parts.
std::vector<std::string> Places(std::string_view query) {
  const auto parsed = ParseExpr(query, AllOfIt());
  if (!parsed) return {parsed.error().message};
  const Expr& expr = **parsed;
  std::vector<std::string> places = {Where(expr)};
  if (const auto* binary = As<BinaryExpr>(expr)) {
    places.push_back(Where(*binary->left));
    places.push_back(Where(*binary->right));
  } else if (const auto* aggregate = As<AggregateExpr>(expr)) {
    if (aggregate->param) places.push_back(Where(*aggregate->param));
    places.push_back(Where(*aggregate->expr));
  } else if (const auto* call = As<Call>(expr)) {
    for (const ExprPtr& arg : call->args) places.push_back(Where(*arg));
  } else if (const auto* unary = As<UnaryExpr>(expr)) {
    places.push_back(Where(*unary->expr));
  } else if (const auto* range = As<MatrixSelector>(expr)) {
    places.push_back(Where(*range->selector));
  }
  return places;
}

TEST(Positions, OfNodesAndTheirParts) {
  EXPECT_THAT(Places(" a{b=\"c\"} "), ElementsAre("1-9"));
  EXPECT_THAT(Places("a[5m] offset 1m"), ElementsAre("0-15", "0-1"));
  EXPECT_THAT(Places("a + -1"), ElementsAre("0-6", "0-1", "4-6"));
  EXPECT_THAT(Places("-(a)"), ElementsAre("0-4", "1-4"));
  EXPECT_THAT(Places("sum(a) by (b)"), ElementsAre("0-13", "4-5"));
  EXPECT_THAT(Places("topk by (b) (5, a)"), ElementsAre("0-18", "13-14", "16-17"));
  EXPECT_THAT(Places("histogram_quantile(0.9, rate(b[1m]))"),
              ElementsAre("0-36", "19-22", "24-35"));
  EXPECT_THAT(Places("(a)[5m:1m] @ 5"), ElementsAre("0-14"));
}

TEST(Parse, SettlesMatching) {
  const auto card = [](std::string_view query) {
    const auto expr = ParseExpr(query, AllOfIt());
    return As<BinaryExpr>(**expr)->matching.card;
  };
  EXPECT_EQ(card("a or b"), Card::kManyToMany);
  EXPECT_EQ(card("a + b"), Card::kOneToOne);
  EXPECT_EQ(card("a + on(c) group_left b"), Card::kManyToOne);
  EXPECT_EQ(card("a + on(c) group_right(d) b"), Card::kOneToMany);
}

TEST(Parse, Durations) {
  const auto expr = ParseExpr("a[1.5:0.5] offset -1m", AllOfIt());
  ASSERT_TRUE(expr.has_value());
  const auto& subquery = *As<SubqueryExpr>(**expr);
  EXPECT_EQ(subquery.range.ms, 1500);
  EXPECT_EQ(subquery.step->ms, 500);
  EXPECT_EQ(subquery.offset.ms, -60'000);
  const auto at = ParseExpr("a @ -1.2345", AllOfIt());
  EXPECT_EQ(As<VectorSelector>(**at)->at.ms, -1235);
}

TEST(Functions, AreFoundByName) {
  EXPECT_EQ(FindFunction("nope"), nullptr);
  const FunctionInfo* quantiles = FindFunction("histogram_quantiles");
  ASSERT_NE(quantiles, nullptr);
  EXPECT_TRUE(quantiles->experimental);
  EXPECT_THAT(quantiles->args, ElementsAre(ValueType::kVector, ValueType::kString,
                                           ValueType::kScalar, ValueType::kScalar));
  for (const FunctionInfo& info : AllFunctions()) EXPECT_EQ(FindFunction(info.name), &info);
}

}  // namespace
}  // namespace opssight::promql
