#include "aggregator/promql/syntax/printer.h"

#include "tests/aggregator/promql/syntax/parse_for_test.h"

namespace opssight::promql {
namespace {

TEST(Print, IsCanonical) {
  const struct {
    const char* query;
    const char* printed;
  } cases[] = {
      {"sum by() (task:errors:rate10s{job=\"s\"})", "sum(task:errors:rate10s{job=\"s\"})"},
      {"sum by(code) (task)", "sum by (code) (task)"},
      {"sum without() (task)", "sum without () (task)"},
      {"sum(task) without(instance)", "sum without (instance) (task)"},
      {"sum by (\"foo.bar\", a) (x)", "sum by (\"foo.bar\", a) (x)"},
      {"topk(5, task)", "topk(5, task)"},
      {"count_values(\"value\", task)", "count_values(\"value\", task)"},
      {"a - on() c", "a - on () c"},
      {"a - ignoring() c", "a - c"},
      {"a - on(b) group_left(x) c", "a - on (b) group_left (x) c"},
      {"a - on(b) group_left c", "a - on (b) group_left () c"},
      {"a - ignoring(b) group_right(x) c", "a - ignoring (b) group_right (x) c"},
      {"a > bool 1", "a > bool 1"},
      {"a </ 1 >/ b", "a </ 1 >/ b"},
      {"up > 0", "up > 0"},
      {"a[5m] offset 1m", "a[5m] offset 1m"},
      {"a[5m] offset -7m", "a[5m] offset -7m"},
      {"a{b!~\"c\"}[1h:5m] @ 1.5 offset 1w", "a{b!~\"c\"}[1h:5m] @ 1.500 offset 1w"},
      {"a[1h:]", "a[1h:]"},
      {"a @ end() offset 10s", "a @ end() offset 10s"},
      {"a offset 5m @ start()", "a @ start() offset 5m"},
      {"{__name__=\"a\"}", "{__name__=\"a\"}"},
      {"{\"a\", b=\"c\"}", "{__name__=\"a\",b=\"c\"}"},
      {"{\"a b\", \"c.d\"='e\"f'}", "{\"c.d\"=\"e\\\"f\",__name__=\"a b\"}"},
      {"a{}", "a"},
      {"-a", "-a"},
      {"+a", "+a"},
      {"-1^2", "-1 ^ 2"},
      {"1 - -1", "1 - -1"},
      {"2^3^2", "2 ^ 3 ^ 2"},
      {"0x1f + 017 + 1_000", "31 + 15 + 1000"},
      {"0x_1F", "31"},
      {"089", "89"},
      {"1e21", "1000000000000000000000"},
      {"inf - NaN", "+Inf - NaN"},
      {"5m", "5m"},
      {"-1h30m", "-1h30m"},
      {"7d * 1", "1w * 1"},
      {"vector(1w1d)", "vector(8d)"},
      {"\"\\x41\\n\"", "\"A\\n\""},
      {"`a\nb`", "\"a\\nb\""},
      {"a[26m+4m]", "a[26m + 4m]"},
      {"a[(5m)]", "a[(5m)]"},
      {"a[2m*(10+5)]", "a[2m * (10 + 5)]"},
      {"a[STep()]", "a[step()]"},
      {"a[5m:range()-1]", "a[5m:range() - 1]"},
      {"a[step():5m]", "a[step():5m]"},
      {"a offset -step()*2", "a offset -step() * 2"},
      {"a offset -(5m+step())", "a offset -(5m + step())"},
      {"a[min_of(step()+1,1h)]", "a[min_of(step() + 1, 1h)]"},
      {"a[300]", "a[5m]"},
      {"a offset 1800", "a offset 30m"},
      {"a[5m] anchored @ 1", "a[5m] anchored @ 1.000"},
      {"a smoothed offset 1m", "a smoothed offset 1m"},
      {"a + fill(-Inf) b", "a + fill (-Inf) b"},
      {"a + on(x) group_left fill_right(7) fill_left(5) b",
       "a + on (x) group_left () fill_left (5) fill_right (7) b"},
      {"fill + fill(0) fill", "fill + fill (0) fill"},
      {"sum{a=\"b\"} and without", "sum{a=\"b\"} and without"},
      {"info(a, {b=~\".*\"})", "info(a, {b=~\".*\"})"},
      {"info(a, {})", "info(a, {})"},
      {"min_of(start(), end())", "min_of(start(), end())"},
      {"foo # bar\n+ 1", "foo + 1"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(Printed(test.query), test.printed) << test.query;
    EXPECT_EQ(Printed(test.printed), test.printed) << test.query;
  }
}

std::string Structure(std::string_view query) {
  const auto parsed = ParseExpr(query, AllOfIt());
  if (!parsed) return parsed.error().message;
  const Expr& expr = **parsed;
  if (const auto* binary = As<BinaryExpr>(expr)) {
    return "(" + Print(*binary->left) + ")" + std::string(ToText(binary->op)) + "(" +
           Print(*binary->right) + ")";
  }
  if (const auto* unary = As<UnaryExpr>(expr)) return "-(" + Print(*unary->expr) + ")";
  return Print(expr);
}

TEST(Parse, OperatorsBindAsInPrometheus) {
  EXPECT_EQ(Structure("a + b * c"), "(a)+(b * c)");
  EXPECT_EQ(Structure("a * b + c"), "(a * b)+(c)");
  EXPECT_EQ(Structure("a - b - c"), "(a - b)-(c)");
  EXPECT_EQ(Structure("a ^ b ^ c"), "(a)^(b ^ c)");
  EXPECT_EQ(Structure("-a ^ b"), "-(a ^ b)");
  EXPECT_EQ(Structure("-a * b"), "(-a)*(b)");
  EXPECT_EQ(Structure("a ^ -b * c"), "(a ^ -b)*(c)");
  EXPECT_EQ(Structure("a or b and c"), "(a)or(b and c)");
  EXPECT_EQ(Structure("a and b == c"), "(a)and(b == c)");
  EXPECT_EQ(Structure("a atan2 b + c"), "(a atan2 b)+(c)");
  EXPECT_EQ(Structure("a offset 2 ^ 2"), "(a offset 2s)^(2)");
  EXPECT_EQ(Structure("a offset -2 ^ 2"), "(a offset -2s)^(2)");
  EXPECT_EQ(Structure("a offset step()*0"), "(a offset step())*(0)");
  EXPECT_EQ(Structure("a offset -(step()-5)+8000"), "(a offset -(step() - 5))+(8000)");
}

TEST(PrettyPrint, SplitsWhatIsLongerThanALine) {
  const std::string name(60, 'm');
  const auto pretty = [](const std::string& query) {
    const auto expr = ParseExpr(query, AllOfIt());
    return expr ? PrettyPrint(**expr) : expr.error().message;
  };
  EXPECT_EQ(pretty("sum(a)by(b)"), "sum by (b) (a)");
  EXPECT_EQ(pretty("sum(" + name + "+on(a)" + name + ")by(b)"),
            "sum by (b) (\n    " + name + "\n  + on (a)\n    " + name + "\n)");
  EXPECT_EQ(pretty("topk(5,(" + name + "-" + name + "))"),
            "topk(\n  5,\n  (\n      " + name + "\n    -\n      " + name + "\n  )\n)");
  EXPECT_EQ(pretty("-rate((" + name + "+" + name + ")[5m:1m])"),
            "-rate(\n  (\n      " + name + "\n    +\n      " + name + "\n  )[5m:1m]\n)");
}

TEST(PrintJson, IsPrometheus) {
  const auto json = [](const std::string& query) {
    const auto expr = ParseExpr(query, AllOfIt());
    return expr ? PrintJson(**expr) : expr.error().message;
  };
  EXPECT_EQ(json("1.5"), R"({"type":"numberLiteral","val":"1.5"})");
  EXPECT_EQ(json("-(\"a\")[1:]").substr(0, 4), "1:2:");
  EXPECT_EQ(json("rate(up{a=\"b\"}[5m] offset 1m)"),
            R"({"args":[{"anchored":false,"matchers":[{"name":"a","type":"=","value":"b"},)"
            R"({"name":"__name__","type":"=","value":"up"}],"name":"up","offset":60000,)"
            R"("range":300000,"smoothed":false,"startOrEnd":null,"timestamp":null,)"
            R"("type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate",)"
            R"("returnType":"vector","variadic":0},"type":"call"})");
  EXPECT_EQ(json("1 > bool 2"),
            R"({"bool":true,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":">",)"
            R"("rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"})");
}

}  // namespace
}  // namespace opssight::promql
