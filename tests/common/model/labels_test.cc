#include "common/model/labels.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(LabelsTest, SortsDropsEmptyAndKeepsTheLastOfAName) {
  const Labels labels{{"z", "1"}, {"a", "old"}, {"empty", ""}, {"a", "new"}};
  EXPECT_EQ(labels.ToString(), R"({a="new", z="1"})");
  EXPECT_EQ(labels.Get("a"), "new");
  EXPECT_EQ(labels.Get("empty"), "");
  EXPECT_EQ(Labels({{"a", "1"}, {"a", ""}}).size(), 0U) << "an empty value takes a label away";
}

TEST(LabelsTest, HashTellsNameFromValue) {
  EXPECT_NE(Labels({{"ab", "c"}}).Hash(), Labels({{"a", "bc"}}).Hash());
  EXPECT_EQ(Labels({{"a", "1"}, {"b", "2"}}).Hash(), Labels({{"b", "2"}, {"a", "1"}}).Hash());
}

TEST(LabelsTest, PrintsAsPrometheusDoes) {
  EXPECT_EQ(Labels({{"__name__", "up"}}).PrometheusText(), "up");
  EXPECT_EQ(Labels({{"__name__", "up"}, {"job", "a\"b\n"}}).PrometheusText(),
            R"(up{job="a\"b\n"})");
  EXPECT_EQ(Labels().PrometheusText(), "{}");
}

}  // namespace
}  // namespace opssight
