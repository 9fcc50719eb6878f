#include "tests/aggregator/promql/syntax/parse_for_test.h"

namespace opssight::promql {
namespace {

struct Case {
  const char* query;
  const char* error;
};

TEST(ParseErrors, AreToldInPrometheusWords) {
  const Case cases[] = {
      {"", "unknown position: parse error: no expression found in input"},
      {"# just a comment", "1:1: parse error: no expression found in input"},
      {"1+", "1:3: parse error: unexpected end of input"},
      {".", "1:1: parse error: unexpected character: '.'"},
      {"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
      {"100..4", "1:1: parse error: bad number or duration syntax: \"100..\""},
      {"0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\""},
      {"1 /", "1:4: parse error: unexpected end of input"},
      {"*1", "1:1: parse error: unexpected <op:*>"},
      {"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
      {"((1)", "1:5: parse error: unclosed left parenthesis"},
      {"(", "1:2: parse error: unclosed left parenthesis"},
      {"1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
      {"1 or 1", "1:1: parse error: set operator \"or\" not allowed in binary scalar expression"},
      {"1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"},
      {"1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"},
      {"-\"string\"",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
       "vector, got \"string\""},
      {"-test[5m]",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
       "vector, got \"range vector\""},
      {"*test", "1:1: parse error: unexpected <op:*>"},
      {"1 offset 1d",
       "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
       "vector selector or a subquery"},
      {"foo offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times"},
      {"a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"},
      {"foo and 1",
       "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"foo or on(bar) group_left(baz) bar",
       "1:1: parse error: no grouping allowed for \"or\" operation"},
      {"foo == on(bar) 10",
       "1:1: parse error: vector matching only allowed between instant vectors"},
      {"foo + group_left(baz) bar", "1:7: parse error: unexpected <group_left>"},
      {"foo and on(bar) group_left(baz) bar",
       "1:1: parse error: no grouping allowed for \"and\" operation"},
      {"http_requests{group=\"production\"} / on(instance) group_left(instance) cpu_count",
       "1:35: parse error: label \"instance\" must not occur in ON and GROUP clause at once"},
      {"foo + bool bar",
       "1:5: parse error: bool modifier can only be used on comparison operators"},
      {"foo + bool 10", "1:5: parse error: bool modifier can only be used on comparison operators"},
      {"foo[5m] + 1",
       "1:1: parse error: binary expression must contain only scalar and instant vector types"},
      {"{", "1:2: parse error: unexpected end of input inside braces"},
      {"}", "1:1: parse error: unexpected character: '}'"},
      {"some{", "1:6: parse error: unexpected end of input inside braces"},
      {"some}", "1:5: parse error: unexpected character: '}'"},
      {"some_metric{a=b}",
       "1:15: parse error: unexpected identifier \"b\" in label matching, expected string"},
      {"foo{a*=\"b\"}", "1:6: parse error: unexpected character inside braces: '*'"},
      {"foo{a>=\"b\"}", "1:6: parse error: unexpected character inside braces: '>'"},
      {"foo{gibberish}",
       "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"foo{1}", "1:5: parse error: unexpected character inside braces: '1'"},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"{x=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"foo{__name__=\"bar\"}",
       "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
      {"foo{__name__= =\"bar\"}",
       "1:15: parse error: unexpected \"=\" in label matching, expected string"},
      {"foo{,}",
       "1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
      {"foo{a=\"b\" c=\"d\"}",
       "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""},
      {"foo{__name__ == \"bar\"}",
       "1:15: parse error: unexpected \"=\" in label matching, expected string"},
      {"foo{a=\"\xff\"}", "1:7: parse error: invalid UTF-8 rune"},
      {"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
      {"foo[5m1]", "1:5: parse error: bad number or duration syntax: \"5m1\""},
      {"foo[5m:1m1]", "1:8: parse error: bad number or duration syntax: \"1m1\""},
      {"foo[5y1hs]", "1:5: parse error: not a valid duration string: \"5y1hs\""},
      {"foo[5m1h]", "1:5: parse error: not a valid duration string: \"5m1h\""},
      {"foo[0m]", "1:5: parse error: duration must be greater than 0"},
      {"foo[0]", "1:5: parse error: duration must be greater than 0"},
      {"foo[-3]", "1:5: parse error: duration must be greater than 0"},
      {"foo[5m:0s]", "1:8: parse error: duration must be greater than 0"},
      {"foo[5m/0]", "1:7: parse error: division by zero"},
      {"foo[5m%0s]", "1:7: parse error: modulo by zero"},
      {"foo[5m", "1:7: parse error: unclosed left bracket"},
      {"foo[", "1:5: parse error: unexpected end of input in duration expression"},
      {"foo[\"5m\"]", "1:5: parse error: unexpected character in duration expression: '\"'"},
      {"foo[]",
       "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, "
       "duration, step(), or range()"},
      {"foo[5m 3]",
       "1:8: parse error: unexpected number \"3\" in subquery or range, expected \":\" "
       "or \"]\""},
      {"some_metric[5m] OFFSET",
       "1:23: parse error: unexpected end of input in offset, expected number, duration, step(), "
       "or range()"},
      {"some_metric[5m] OFFSET 1mm", "1:24: parse error: bad number or duration syntax: \"1mm\""},
      {"some_metric OFFSET 1m[5m]", "1:22: parse error: no offset modifiers allowed before range"},
      {"some_metric @ 234 [5m]", "1:19: parse error: no @ modifiers allowed before range"},
      {"(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"},
      {"foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"foo @ start() @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"1 @ 2",
       "1:1: parse error: @ modifier must be preceded by an instant vector selector or range "
       "vector selector or a subquery"},
      {"foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"},
      {"foo @ inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
      {"foo @ -inf", "1:1: parse error: timestamp out of bounds for @ modifier: -Inf"},
      {"foo @ nan", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
      {"sum by (", "1:9: parse error: unclosed left parenthesis"},
      {"sum without(==)(some_metric)",
       "1:13: parse error: unexpected <op:==> in grouping opts, expected label"},
      {"sum without(,)(some_metric)",
       "1:13: parse error: unexpected \",\" in grouping opts, expected label"},
      {"sum without(foo,,)(some_metric)",
       "1:17: parse error: unexpected \",\" in grouping opts, expected label"},
      {"sum some_metric by (test)", "1:5: parse error: unexpected identifier \"some_metric\""},
      {"sum (some_metric) by test",
       "1:22: parse error: unexpected identifier \"test\" in grouping opts, expected \"(\""},
      {"sum () by (test)", "1:1: parse error: no arguments for aggregate expression provided"},
      {"sum without (test) (some_metric) by (test)", "1:34: parse error: unexpected <by>"},
      {"sum(1 2)", "1:7: parse error: unexpected number \"2\" in aggregation"},
      {"topk(some_metric)",
       "1:1: parse error: wrong number of arguments for aggregate expression provided, expected "
       "2, got 1"},
      {"topk(some_metric,)",
       "1:17: parse error: trailing commas not allowed in function call args"},
      {"rate(some_metric, )",
       "1:17: parse error: trailing commas not allowed in function call args"},
      {"rate(a, >)", "1:7: parse error: trailing commas not allowed in function call args"},
      {"topk(some_metric, other_metric)",
       "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
      {"count_values(5, other_metric)",
       "1:14: parse error: expected type string in aggregation parameter, got scalar"},
      {"rate(some_metric[5m]) @ 1234",
       "1:1: parse error: @ modifier must be preceded by an instant vector selector or range "
       "vector selector or a subquery"},
      {"floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"},
      {"floor(some_metric, other_metric)",
       "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 2"},
      {"floor(some_metric, 1)",
       "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 2"},
      {"floor(1)",
       "1:7: parse error: expected type instant vector in call to function \"floor\", got scalar"},
      {"hour(some_metric, some_metric, some_metric)",
       "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 3"},
      {"time(some_metric)", "1:1: parse error: expected 0 argument(s) in call to \"time\", got 1"},
      {"label_replace(a, `b`, `c\xff`, `d`, `.*`)", "1:23: parse error: invalid UTF-8 rune"},
      {"label_join(a)",
       "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
      {"histogram_quantiles(a, \"q\")",
       "1:1: parse error: expected at least 3 argument(s) in call to \"histogram_quantiles\", got "
       "2"},
      {"non_existent_function_far_bar()",
       "1:1: parse error: unknown function with name \"non_existent_function_far_bar\""},
      {"rate(some_metric)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
       "vector"},
      {"rate(avg)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
       "vector"},
      {"vector(vector(1))",
       "1:8: parse error: expected type scalar in call to function \"vector\", got instant "
       "vector"},
      {"rate(foo[5m] 1)", "1:14: parse error: unexpected number \"1\""},
      {"\"", "1:1: parse error: unterminated quoted string"},
      {"\"foo", "1:1: parse error: unterminated quoted string"},
      {"`foo", "1:1: parse error: unterminated raw string"},
      {"\"\\c\"", "1:1: parse error: unknown escape sequence U+0063 'c'"},
      {"\"\\x.\"", "1:1: parse error: illegal character U+002E '.' in escape sequence"},
      {"\"\\400\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
      {"foo{bar=~\"*\"}",
       "1:5: parse error: error parsing regexp: missing argument to repetition "
       "operator: `*`"},
      {"foo{bar=~\"(\"}", "1:5: parse error: error parsing regexp: missing closing ): `(`"},
      {"foo{bar=~\"a)|(b\"}", "1:5: parse error: error parsing regexp: unexpected ): `a)|(b`"},
      {"test[5m][10m:1m]",
       "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"},
      {"1[5m:1m]",
       "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
      {"foo[:5m]", "1:6: parse error: unexpected colon before duration in duration expression"},
      {"foo[5m:1m:]", "1:10: parse error: unexpected colon ':'"},
      {"foo[[5m]]", "1:5: parse error: unexpected character in duration expression: '['"},
      {"bool", "1:1: parse error: unexpected <bool>"},
      {"on", "1:1: parse error: unexpected <on>"},
      {"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
      {"foo\n  bar", "2:3: parse error: unexpected identifier \"bar\""},
      {"foo \"a long string it is\"", "1:5: parse error: unexpected string \"\\\"a long st\"..."},
      {"a + fill(1) 1",
       "1:1: parse error: filling in missing series only allowed between instant vectors"},
      {"a and fill(1) b",
       "1:1: parse error: filling in missing series not allowed for set operators"},
      {"info(a, b)",
       "1:9: parse error: expected label selectors only, got vector selector instead"},
      {"info(a, 1)",
       "1:1: parse error: expected type instant vector in call to function \"info\", got scalar"},
      {"info(a, abs(b))", "1:9: parse error: expected label selectors only"},
      {"foo[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"},
      {"foo[5m] anchored smoothed",
       "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
      {"sum by (\"\\xff\") (a)", "1:9: parse error: invalid label name for grouping: \"\\xff\""},
      {"0x",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid "
       "syntax"},
      {"1e999",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": "
       "value out of range"},
      {"foo[300y]", "1:5: parse error: duration out of range"},
  };
  for (const Case& test : cases) EXPECT_EQ(ErrorOf(test.query), test.error) << test.query;
}

TEST(ParseErrors, OfWhatIsNotEnabled) {
  const Case cases[] = {
      {"sort_by_label(a, \"b\")", "1:1: parse error: function \"sort_by_label\" is not enabled"},
      {"limitk(1, a)",
       "1:1: parse error: limitk() is experimental and must be enabled with "
       "--enable-feature=promql-experimental-functions"},
      {"foo[5m] anchored", "1:1: parse error: anchored modifier is experimental and not enabled"},
      {"foo smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"},
      {"a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"},
  };
  for (const Case& test : cases) EXPECT_EQ(ErrorOf(test.query, {}), test.error) << test.query;
  EXPECT_EQ(ErrorOf("foo[5m + 1m]", {}), "");
  EXPECT_EQ(ErrorOf("foo[5m + 1m]", {.duration_expressions = false}),
            "1:5: parse error: experimental duration expression is not enabled");
}

TEST(ParseErrors, OfLimits) {
  ParseOptions options;
  options.depth_max = 5;
  EXPECT_EQ(ErrorOf("((((1))))", options), "");
  EXPECT_EQ(ErrorOf("(((((1)))))", options), "1:6: parse error: expression nests too deeply");
  EXPECT_EQ(ErrorOf("-----1", options), "1:6: parse error: expression nests too deeply");
  EXPECT_EQ(ErrorOf("a[1+(1+(1+(1+(1))))]", options),
            "1:9: parse error: expression nests too deeply");
  options = {};
  options.height_max = 4;
  EXPECT_EQ(ErrorOf("1+1+1+1", options), "");
  EXPECT_EQ(ErrorOf("1+1+1+1+1", options), "1:1: parse error: expression nests too deeply");
  EXPECT_EQ(ErrorOf("a[1m:][1m:][1m:][1m:]", options),
            "1:1: parse error: expression nests too deeply");
  options = {};
  options.bytes_max = 3;
  EXPECT_EQ(ErrorOf("1+11", options), "1:1: parse error: query is longer than 3 bytes");
  EXPECT_EQ(ErrorOf(std::string(1'000'000, '('), {}),
            "1:251: parse error: expression nests too deeply");
}

TEST(ParseErrors, OfSeriesSelectors) {
  const auto error = [](std::string_view text) {
    const auto matchers = ParseMetricSelector(text);
    return matchers ? std::to_string(matchers->size()) : matchers.error().message;
  };
  EXPECT_EQ(error("up"), "1");
  EXPECT_EQ(error("sum"), "1");
  EXPECT_EQ(error("{}"), "0");
  EXPECT_EQ(error("up{a=\"b\", \"c.d\"=~\"e\"}"), "3");
  EXPECT_EQ(error("{\"a.b\", c!=\"\"}"), "2");
  EXPECT_EQ(error("foo{bar=\"baz\"}[5m]"), "1:15: parse error: unexpected \"[\"");
  EXPECT_EQ(error("sum(x)"), "1:4: parse error: unexpected \"(\"");
  EXPECT_EQ(error("up offset 5m"), "1:4: parse error: unexpected <offset>");
  EXPECT_EQ(error("1"), "1:1: parse error: unexpected number \"1\"");
  EXPECT_EQ(error(""), "unknown position: parse error: unexpected end of input");
}

}  // namespace
}  // namespace opssight::promql
