#include "common/base/channel.h"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(ChannelTest, IsBoundedInBytesAndLeavesWhatItRefuses) {
  Channel<std::unique_ptr<int>> channel(10);
  auto big = std::make_unique<int>(1);
  EXPECT_TRUE(channel.TryPush(big, 25));  // Alone: whatever its size.
  auto next = std::make_unique<int>(2);
  EXPECT_FALSE(channel.TryPush(next, 1));
  ASSERT_NE(next, nullptr);
  std::vector<std::unique_ptr<int>> out;
  EXPECT_TRUE(channel.Pop(100, 0, out));
  EXPECT_EQ(out.size(), 1U);
  EXPECT_TRUE(channel.TryPush(next, 6));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(channel.TryPush(third, 5));
  channel.PushAnyway(third, 5);
  EXPECT_EQ(channel.bytes(), 11U);
}

TEST(ChannelTest, PopsAboutAsMuchAsAskedForInOrder) {
  Channel<int> channel(100);
  for (int i = 1; i <= 5; ++i) channel.TryPush(i, 10);
  std::vector<int> out;
  EXPECT_TRUE(channel.Pop(15, 0, out));
  EXPECT_EQ(out, (std::vector<int>{1, 2}));
  channel.Wake();
  EXPECT_TRUE(channel.Pop(0, std::nullopt, out));
  EXPECT_EQ(out.size(), 2U);
  channel.Close();
  int late = 6;
  EXPECT_FALSE(channel.TryPush(late, 1));
  out.clear();
  EXPECT_TRUE(channel.Pop(100, std::nullopt, out));
  EXPECT_EQ(out, (std::vector<int>{3, 4, 5}));
  out.clear();
  EXPECT_FALSE(channel.Pop(100, std::nullopt, out));
}

TEST(ChannelTest, HandsEverythingFromOneThreadToAnother) {
  Channel<int> channel(64);
  std::thread pusher([&] {
    for (int i = 0; i < 5'000; ++i) {
      while (!channel.TryPush(i, 8)) std::this_thread::yield();
    }
    channel.Close();
  });
  int expected = 0;
  std::vector<int> out;
  while (channel.Pop(32, std::nullopt, out)) {
    for (const int value : out) ASSERT_EQ(value, expected++);
    out.clear();
  }
  pusher.join();
  EXPECT_EQ(expected, 5'000);
}

}  // namespace
}  // namespace opssight
