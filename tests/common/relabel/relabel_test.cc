#include "common/relabel/relabel.h"

#include <gtest/gtest.h>

#include "common/config/load.h"

namespace opssight {
namespace {

// The labels after the rules of a YAML list, or "dropped".
std::string After(const std::string& rules, std::vector<Label> labels) {
  struct Options {
    std::vector<RelabelOptions> rules;
  };
  const OptionTable<Options> table{
      setting::Items("rules", &Options::rules, RelabelTable(), "Rules.")};
  const auto loaded =
      LoadConfig(table, {.files = {{.path = "r", .text = "rules:\n" + rules}}}, nullptr);
  if (!loaded.ok()) return loaded.problems.ToString();
  const auto made = Relabeler::Make(loaded.options.rules);
  if (!made) return made.error().message;
  if (!made->Apply(labels)) return "dropped";
  return Labels(std::move(labels)).ToString();
}

const std::vector<Label> kAbc = {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};

TEST(RelabelTest, Replace) {
  EXPECT_EQ(
      After("- {source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch${1}-ch${1}'}",
            kAbc),
      R"({a="foo", b="bar", c="baz", d="choo-choo"})");
  EXPECT_EQ(After("- {source_labels: [a, b], regex: f(.*);(.*)r, target_label: a, "
                  "replacement: 'b${1}${2}m'}",
                  kAbc),
            R"({a="boobam", b="bar", c="baz"})");
  EXPECT_EQ(After("- {source_labels: [a], regex: no, target_label: d, replacement: x}", kAbc),
            R"({a="foo", b="bar", c="baz"})");
  EXPECT_EQ(After("- {source_labels: [a], regex: oo, target_label: d, replacement: x}", kAbc),
            R"({a="foo", b="bar", c="baz"})");  // Anchored.
  EXPECT_EQ(After("- {target_label: a, replacement: ''}", kAbc), R"({b="bar", c="baz"})");
  EXPECT_EQ(After("- {source_labels: [a], target_label: d}", kAbc),
            R"({a="foo", b="bar", c="baz", d="foo"})");
  EXPECT_EQ(After("- {source_labels: [a], target_label: '${1}x', replacement: $$1}", kAbc),
            R"({a="foo", b="bar", c="baz", foox="$1"})");
  EXPECT_EQ(After("- {source_labels: [a], regex: '(?P<n>f).*', target_label: d, "
                  "replacement: '$n-$9-$1x'}",
                  kAbc),
            R"({a="foo", b="bar", c="baz", d="f--"})");
}

TEST(RelabelTest, KeepAndDrop) {
  EXPECT_EQ(After("- {source_labels: [a], regex: .*o.*, action: drop}", kAbc), "dropped");
  EXPECT_EQ(After("- {source_labels: [a], regex: no, action: drop}", kAbc),
            R"({a="foo", b="bar", c="baz"})");
  EXPECT_EQ(After("- {source_labels: [a], regex: no, action: keep}", kAbc), "dropped");
  EXPECT_EQ(After("- {source_labels: [z], regex: '', action: keep}", kAbc),
            R"({a="foo", b="bar", c="baz"})");
  EXPECT_EQ(After("- {source_labels: [a], target_label: b, action: keepequal}", kAbc), "dropped");
  EXPECT_EQ(After("- {source_labels: [a], target_label: b, action: dropequal}", kAbc),
            R"({a="foo", b="bar", c="baz"})");
}

TEST(RelabelTest, HashMod) {
  EXPECT_EQ(After("- {source_labels: [c], target_label: d, modulus: 1000, action: hashmod}", kAbc),
            R"({a="foo", b="bar", c="baz", d="976"})");
  EXPECT_EQ(After("- {source_labels: [a], target_label: d, modulus: 1000, action: hashmod}",
                  {{"a", "foo\nbar"}}),
            "{a=\"foo\\nbar\", d=\"734\"}");
}

TEST(RelabelTest, LabelNames) {
  EXPECT_EQ(After("- {regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}",
                  {{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}}),
            R"({a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"})");
  EXPECT_EQ(After("- {regex: 'b.*', action: labeldrop}", kAbc), R"({a="foo", c="baz"})");
  EXPECT_EQ(After("- {regex: 'b.*', action: labelkeep}", kAbc), R"({b="bar"})");
  EXPECT_EQ(After("- {source_labels: [a], target_label: u, action: uppercase}\n"
                  "- {source_labels: [u], target_label: l, action: lowercase}",
                  {{"a", "fOo"}}),
            R"({a="fOo", l="foo", u="FOO"})");
}

TEST(RelabelTest, WrongRulesAreProblems) {
  EXPECT_NE(
      After("- {regex: '(', target_label: a}", {}).find("r:2: rules[0].regex: \"(\": missing"),
      std::string::npos);
  EXPECT_NE(After("- {action: hashmod, target_label: a}", {}).find("modulus: must be above 0"),
            std::string::npos);
  EXPECT_NE(After("- {action: kep}", {}).find("did you mean \"keep\""), std::string::npos);
  EXPECT_NE(After("- {source_labels: [a]}", {}).find("target_label: must be set"),
            std::string::npos);
}

}  // namespace
}  // namespace opssight
