#include "agent/spool/range_set.h"

#include <set>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

using Ranges = std::vector<SeqRange>;

TEST(RangeSetTest, JoinsWhatTouches) {
  RangeSet set;
  set.Add({5, 6});
  set.Add({8, 9});
  EXPECT_EQ(set.ranges(), (Ranges{{5, 6}, {8, 9}}));
  set.Add(7);
  EXPECT_EQ(set.ranges(), (Ranges{{5, 9}}));
  set.Remove({6, 7});
  EXPECT_EQ(set.ranges(), (Ranges{{5, 5}, {8, 9}}));
  EXPECT_EQ(set.Count(), 3U);
}

TEST(RangeSetTest, ReachesBothEnds) {
  const std::uint64_t max = ~std::uint64_t{0};
  RangeSet set;
  set.Add({0, 0});
  set.Add({max, max});
  set.Add({1, 1});
  EXPECT_EQ(set.ranges(), (Ranges{{0, 1}, {max, max}}));
  set.Remove({max, max});
  EXPECT_EQ(set.ranges(), (Ranges{{0, 1}}));
}

// Against std::set, from a fixed seed.
TEST(RangeSetTest, DoesAsASetOfNumbers) {
  Random random(7);
  RangeSet set;
  RangeSet other;
  std::set<std::uint64_t> plain;
  std::set<std::uint64_t> plain_other;
  for (int step = 0; step < 5000; ++step) {
    const std::uint64_t first = random.Below(60);
    const SeqRange range{first, first + random.Below(6)};
    const bool add = random.Below(2) == 0;
    const bool which = random.Below(3) != 0;
    RangeSet& changed = which ? set : other;
    std::set<std::uint64_t>& mirror = which ? plain : plain_other;
    add ? changed.Add(range) : changed.Remove(range);
    for (std::uint64_t n = range.first; n <= range.last; ++n) {
      add ? void(mirror.insert(n)) : void(mirror.erase(n));
    }
    ASSERT_EQ(set.Count(), plain.size());
    std::optional<std::uint64_t> not_in_other;
    for (const std::uint64_t n : plain) {
      if (!not_in_other && plain_other.count(n) == 0) not_in_other = n;
    }
    ASSERT_EQ(set.FirstNotIn(other), not_in_other);
    for (std::uint64_t n = 0; n < 70; ++n) {
      ASSERT_EQ(set.Contains(n), plain.count(n) == 1);
      const auto at = plain.lower_bound(n);
      ASSERT_EQ(set.FirstFrom(n),
                at == plain.end() ? std::optional<std::uint64_t>() : std::optional(*at));
    }
    std::uint64_t within = 0;
    for (const SeqRange& part : set.Within(range)) within += part.last - part.first + 1;
    std::uint64_t expected = 0;
    for (std::uint64_t n = range.first; n <= range.last; ++n) expected += plain.count(n);
    ASSERT_EQ(within, expected);
  }
}

}  // namespace
}  // namespace opssight
