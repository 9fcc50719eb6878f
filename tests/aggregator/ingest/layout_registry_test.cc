#include "aggregator/ingest/layout_registry.h"

#include <string>

#include <gtest/gtest.h>

namespace opssight {
namespace {

std::string LayoutBytes(const std::string& host) {
  std::vector<LayoutSeries> series;
  for (int i = 0; i < 10; ++i) {
    series.push_back({.labels = Labels{{"__name__", "m" + std::to_string(i)}, {"host", host}}});
  }
  return EncodeLayout(Layout(std::move(series)));
}

TEST(LayoutRegistryTest, HoldsEqualLayoutsOnce) {
  LayoutRegistry registry;
  const auto first = registry.Add(LayoutBytes("a"), {});
  ASSERT_TRUE(first.has_value()) << first.error().message;
  for (int agent = 0; agent < 1'000; ++agent)
    EXPECT_EQ(*registry.Add(LayoutBytes("a"), {}), *first);
  EXPECT_EQ(registry.size().layouts, 1U);
  EXPECT_EQ(registry.Find((*first)->id), *first);
  EXPECT_EQ(registry.Find({.high = 1, .low = 1}), nullptr);
  EXPECT_FALSE(registry.Add("no layout", {}).has_value());
}

TEST(LayoutRegistryTest, ForgetsTheLongestUnusedUnlessSomeoneHoldsIt) {
  LayoutRegistry one;
  ASSERT_TRUE(one.Add(LayoutBytes("a"), {}).has_value());
  LayoutRegistry registry(3 * one.size().bytes + one.size().bytes / 2);
  const auto held = registry.Add(LayoutBytes("held"), {}).value();
  const LayoutId gone = registry.Add(LayoutBytes("gone"), {}).value()->id;
  const LayoutId used = registry.Add(LayoutBytes("used"), {}).value()->id;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(registry.Add(LayoutBytes(std::to_string(i)), {}).has_value());
    EXPECT_NE(registry.Find(used), nullptr);
    EXPECT_LE(registry.size().layouts, 3U);
  }
  EXPECT_EQ(registry.Find(gone), nullptr);
  EXPECT_EQ(registry.Find(held->id), held);
}

}  // namespace
}  // namespace opssight
