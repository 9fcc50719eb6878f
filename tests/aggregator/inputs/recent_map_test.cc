#include "aggregator/inputs/recent_map.h"

namespace opssight {
namespace {

Hash128 Key(std::uint64_t number) {
  return {.high = number, .low = number * 0x9e3779b97f4a7c15ULL};
}

TEST(RecentMapTest, KeepsWhatIsUsed) {
  RecentMap<int> map(100);
  map.Insert(Key(0), 7);
  for (std::uint64_t i = 1; i < 1000; ++i) {
    map.Insert(Key(i), 1);
    ASSERT_NE(map.Find(Key(0)), nullptr) << i;
    EXPECT_LE(map.size(), 101U);
  }
  EXPECT_EQ(*map.Find(Key(0)), 7);
  EXPECT_EQ(map.Find(Key(1)), nullptr);
  for (std::uint64_t i = 960; i < 1000; ++i) EXPECT_NE(map.Find(Key(i)), nullptr) << i;
}

TEST(RecentMapTest, TurnsForgetWhatWasNotUsedMeanwhile) {
  RecentMap<int> map(100);
  map.Insert(Key(1), 1);
  map.Insert(Key(2), 2);
  map.Turn();
  EXPECT_NE(map.Find(Key(1)), nullptr);
  map.Turn();
  EXPECT_NE(map.Find(Key(1)), nullptr);
  EXPECT_EQ(map.Find(Key(2)), nullptr);
}

TEST(RecentMapTest, ReplacesAndClears) {
  RecentMap<int> map(4);
  EXPECT_EQ(map.Find(Key(1)), nullptr);
  map.Insert(Key(1), 1);
  map.Insert(Key(1), 2);
  EXPECT_EQ(*map.Find(Key(1)), 2);
  EXPECT_EQ(map.size(), 1U);
  map.Insert({}, 3);  // A hash of zeros is one, too.
  EXPECT_EQ(*map.Find({}), 3);
  map.Clear();
  EXPECT_EQ(map.Find(Key(1)), nullptr);
}

}  // namespace
}  // namespace opssight
