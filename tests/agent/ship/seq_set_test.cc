#include "agent/ship/seq_set.h"

#include <set>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

TEST(SeqSetTest, IsASetOfNumbersInFewRanges) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    SeqSet set;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t first = 1 + random.Below(40);
      const std::uint64_t last = first + random.Below(4);
      set.Add(first, last);
      for (std::uint64_t seq = first; seq <= last; ++seq) model.insert(seq);
    }
    std::size_t ranges = 0;
    for (std::uint64_t seq = 1; seq < 50; ++seq) {
      EXPECT_EQ(set.Contains(seq), model.contains(seq)) << seq;
      ranges += model.contains(seq) && !model.contains(seq - 1) ? 1 : 0;
      std::uint64_t outside = seq;
      while (model.contains(outside)) ++outside;
      EXPECT_EQ(set.FirstOutside(seq), outside);
      std::uint64_t missing = 0;
      for (std::uint64_t below = 1; below < seq; ++below) missing += model.contains(below) ? 0 : 1;
      EXPECT_EQ(set.Missing(seq), missing) << seq;
    }
    EXPECT_EQ(set.ranges(), ranges);
    EXPECT_EQ(set.last(), *model.rbegin());
  }
}

}  // namespace
}  // namespace opssight
