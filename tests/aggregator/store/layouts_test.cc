#include "aggregator/store/layouts.h"

#include "tests/aggregator/store/store_testing.h"

namespace opssight {
namespace {

using namespace testing_store;  // NOLINT(google-build-using-namespace)

std::shared_ptr<const LayoutFrame> Make(const std::string& name) {
  const Layout layout(std::vector<LayoutSeries>{{.labels = Labels{{"__name__", name}}}});
  return std::make_shared<const LayoutFrame>(FrameOf(layout));
}

class LayoutsTest : public ::testing::Test {
 protected:
  LayoutsTest() {
    std::string set_aside;
    wal_ = *Wal::Open(dir_.path(), 4 << 20, 0, stats_, &set_aside);
    layouts_ = std::make_unique<Layouts>(*wal_, 400, BatchLimits{}, stats_);
  }
  void Write(const LayoutFrame& layout, Layouts::Day day) {
    WalGroup group;
    group.layouts.emplace_back(layout.id, Layouts::ValueOf(layout, day));
    ASSERT_TRUE(wal_->Commit(group).has_value());
    layouts_->Written(layout.id, day);
  }

  TempDir dir_;
  StoreStats stats_;
  std::unique_ptr<Wal> wal_;
  std::unique_ptr<Layouts> layouts_;
};

TEST_F(LayoutsTest, WhatLeavesTheCacheIsReadAgain) {
  std::vector<LayoutId> ids;
  for (int i = 0; i < 20; ++i) {
    const auto layout = Make("m" + std::to_string(i));
    ids.push_back(layout->id);
    Write(*layout, 1);
  }
  for (int i = 0; i < 20; ++i) {
    const auto found = layouts_->Find(ids[static_cast<std::size_t>(i)]);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->series().front().labels.Get("__name__"), "m" + std::to_string(i));
    EXPECT_EQ(layouts_->Find(found->id()), found) << "in use: the same object";
  }
}

TEST_F(LayoutsTest, IsKeptFromTheSecondTimeOn) {
  const auto layout = Make("m");
  Write(*layout, 1);
  const std::weak_ptr<const Layout> once = layouts_->Find(layout->id);
  EXPECT_TRUE(once.expired());
  const std::weak_ptr<const Layout> twice = layouts_->Find(layout->id);
  EXPECT_FALSE(twice.expired());
  EXPECT_EQ(layouts_->Find(layout->id), twice.lock());
}

TEST_F(LayoutsTest, IsWrittenOnceADayAndDroppedWhenLongUnused) {
  const auto old = Make("old");
  const auto used = Make("used");
  EXPECT_TRUE(layouts_->NeedsWrite(used->id, 5));
  Write(*old, 5);
  Write(*used, 5);
  EXPECT_FALSE(layouts_->NeedsWrite(used->id, 5));
  EXPECT_TRUE(layouts_->NeedsWrite(used->id, 6));
  Write(*used, 6);
  EXPECT_TRUE(layouts_->UsedSince(old->id, 5));
  EXPECT_FALSE(layouts_->UsedSince(old->id, 6));
  EXPECT_EQ(layouts_->UnusedBefore(6), std::vector<LayoutId>{old->id});
  ASSERT_TRUE(layouts_->Trim(std::vector{old->id, used->id}, 6).has_value());
  EXPECT_FALSE(layouts_->UsedSince(old->id, 0));
  Layouts again(*wal_, 400, BatchLimits{}, stats_);
  ASSERT_TRUE(again.Load().has_value());
  EXPECT_EQ(again.Find(old->id), nullptr);
  EXPECT_NE(again.Find(used->id), nullptr);
  EXPECT_EQ(stats_.layouts_trimmed, 1U);
}

TEST_F(LayoutsTest, ADamagedLayoutIsAskedForAgain) {
  const auto layout = Make("m");
  WalGroup group;
  std::string value = Layouts::ValueOf(*layout, 1);
  value.back() = static_cast<char>(value.back() ^ 1);
  group.layouts.emplace_back(layout->id, value);
  ASSERT_TRUE(wal_->Commit(group).has_value());
  ASSERT_TRUE(layouts_->Load().has_value());
  EXPECT_FALSE(layouts_->NeedsWrite(layout->id, 1));
  EXPECT_EQ(layouts_->Find(layout->id), nullptr);
  EXPECT_EQ(stats_.corrupt_layouts, 1U);
  EXPECT_TRUE(layouts_->NeedsWrite(layout->id, 1));
  Write(*layout, 1);
  EXPECT_NE(layouts_->Find(layout->id), nullptr);
}

}  // namespace
}  // namespace opssight
