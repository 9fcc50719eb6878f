#include "aggregator/ingest/layout_registry.h"

#include <string>

#include <gtest/gtest.h>

namespace opssight {
namespace {

std::string FrameOf(const std::string& host) {
  std::vector<LayoutSeries> series;
  for (int i = 0; i < 10; ++i) {
    series.push_back({.labels = Labels{{"__name__", "m" + std::to_string(i)}, {"host", host}}});
  }
  return EncodeLayout(Layout(std::move(series)));
}

TEST(LayoutRegistryTest, HoldsEqualLayoutsOnce) {
  LayoutRegistry registry;
  const auto first = registry.Add(FrameOf("a"), {});
  ASSERT_TRUE(first.has_value()) << first.error().message;
  for (int agent = 0; agent < 1'000; ++agent) EXPECT_EQ(*registry.Add(FrameOf("a"), {}), *first);
  EXPECT_EQ(registry.size().layouts, 1U);
  EXPECT_EQ(registry.Find((*first)->layout->id()), *first);
  EXPECT_EQ(registry.Find({.high = 1, .low = 1}), nullptr);
  EXPECT_FALSE(registry.Add("no layout", {}).has_value());
}

TEST(LayoutRegistryTest, ForgetsTheLongestUnusedUnlessSomeoneHoldsIt) {
  LayoutRegistry one;
  ASSERT_TRUE(one.Add(FrameOf("a"), {}).has_value());
  LayoutRegistry registry(3 * one.size().bytes + one.size().bytes / 2);
  const auto held = registry.Add(FrameOf("held"), {}).value();
  const LayoutId gone = registry.Add(FrameOf("gone"), {}).value()->layout->id();
  const LayoutId used = registry.Add(FrameOf("used"), {}).value()->layout->id();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(registry.Add(FrameOf(std::to_string(i)), {}).has_value());
    EXPECT_NE(registry.Find(used), nullptr);
    EXPECT_LE(registry.size().layouts, 3U);
  }
  EXPECT_EQ(registry.Find(gone), nullptr);
  EXPECT_EQ(registry.Find(held->layout->id()), held);
}

}  // namespace
}  // namespace opssight
