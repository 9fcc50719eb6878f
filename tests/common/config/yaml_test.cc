#include "common/config/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  ConfigNode node;
  std::string problems;
};

Parsed Parse(const std::string& text, const YamlLimits& limits = {}) {
  ConfigProblems problems;
  ConfigNode node = ParseYaml("f", text, limits, problems);
  return {.node = std::move(node), .problems = problems.ToString()};
}

TEST(YamlTest, AKeyTwiceInOneMapIsAProblemWithItsLine) {
  const Parsed parsed = Parse("a: 1\nb: {c: 1, c: 2}\na: 3\n");
  EXPECT_EQ(parsed.problems,
            "f:2: c: stands twice in this map; keep one\n"
            "f:3: a: stands twice in this map; keep one\n");
  EXPECT_EQ(parsed.node.Find("a")->text, "1");
}

TEST(YamlTest, AliasesAreWrittenOut) {
  const Parsed parsed = Parse("a: &x {b: 1}\nc: *x\n");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.node.Find("c")->Find("b")->text, "1");
  EXPECT_EQ(parsed.node.Find("c")->origin.ToString(), "f:2");
}

TEST(YamlTest, AnAliasBombIsRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 1; j < 10; ++j) text += ", " + alias;
    text += "]\n";
  }
  EXPECT_THAT(Parse(text).problems, HasSubstr("more than 100000 values, with aliases written out"));
}

TEST(YamlTest, ANodeInsideItselfIsRefused) {
  EXPECT_THAT(Parse("a: &x [*x]\n").problems, HasSubstr("an alias stands inside the node"));
}

TEST(YamlTest, LimitsHold) {
  EXPECT_EQ(Parse("a: 12", {.bytes_max = 4}).problems,
            "f:1: 5 bytes; a configuration file may have at most 4\n");
  EXPECT_EQ(Parse("a: [[[1]]]", {.depth_max = 3}).problems, "f:1: nested deeper than 3\n");
  EXPECT_EQ(Parse("a: [1,\n2, 3]", {.nodes_max = 5}).problems,
            "f:2: more than 5 values, with aliases written out\n");
  EXPECT_NE(Parse("a: " + std::string(100'000, '[')).problems, "");
}

TEST(YamlTest, WhatIsNotPlainYamlIsAProblem) {
  EXPECT_THAT(Parse("a: 1\n---\nb: 2\n").problems, HasSubstr("f:2: a second document"));
  EXPECT_EQ(Parse(",o").problems, "f:1: is no YAML from here on\n");
  EXPECT_THAT(Parse("- a\n").problems, HasSubstr("the file must be a map of keys"));
  EXPECT_THAT(Parse("a: &x {b: 1}\nc: {<<: *x}\n").problems, HasSubstr("merge keys are not read"));
  EXPECT_THAT(Parse("[a]: 1\n").problems, HasSubstr("a key must be a text"));
  EXPECT_THAT(Parse("a: [1\nb: }\n").problems, HasSubstr("f:2"));
  EXPECT_THAT(Parse("\ta: 1\n").problems, HasSubstr("f:1"));
}

TEST(YamlTest, AQuoteLeftOpenDoesNotSwallowTheRest) {
  for (const char* quote : {"'", "\""}) {
    const std::string text = std::string("é: 1\na: ") + quote + "b\nc: 2\n";
    EXPECT_EQ(Parse(text).problems, "f:2: the quote that opens here is never closed\n") << text;
    EXPECT_THAT(Parse("\xef\xbb\xbf" + text).problems, HasSubstr("never closed"));
  }
  EXPECT_EQ(Parse("a: 'it''s'").problems, "");
  EXPECT_EQ(Parse("a: \"b\\\"c\"\nb: 1").problems, "");
  EXPECT_EQ(Parse("a: it's\nb: 5\" disk").problems, "");
}

TEST(YamlTest, ASyntaxErrorGivesNothingOfTheFile) {
  EXPECT_TRUE(Parse("a: 1\nb: [\n").node.items.empty());
}

TEST(YamlTest, WhatIsWrittenReadsBack) {
  ConfigNode list;
  list.kind = ConfigNode::Kind::kList;
  for (const char* text : {"plain", "", "~", "null", "a: b", "a:b", "- x", "#c", "q\"\\\n\x01", "é",
                           "127.0.0.1:9090", "{", "&a", "*b", "!t", "%d", "@x", "  lead", "x #y"}) {
    list.Append(ConfigNode::Text(text));
  }
  ConfigNode item;
  item.kind = ConfigNode::Kind::kMap;
  item.Append("key one", ConfigNode::Text("v"));
  item.Append("more", list);
  ConfigNode nested;
  nested.kind = ConfigNode::Kind::kList;
  nested.Append(item);
  nested.Append(item);
  const Parsed parsed = Parse("flat:" + YamlValue(list, 2) + "\nnested:" + YamlValue(nested, 2) +
                              "\ntop:" + YamlValue(item, 2) + "\n");
  ASSERT_EQ(parsed.problems, "");
  EXPECT_EQ(YamlValue(*parsed.node.Find("flat"), 2), YamlValue(list, 2));
  EXPECT_EQ(YamlValue(*parsed.node.Find("nested"), 2), YamlValue(nested, 2));
  EXPECT_EQ(YamlValue(*parsed.node.Find("top"), 2), YamlValue(item, 2));
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    EXPECT_EQ(parsed.node.Find("flat")->items[i].text, list.items[i].text);
  }
}

}  // namespace
}  // namespace opssight
