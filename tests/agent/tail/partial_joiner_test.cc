#include "agent/tail/partial_joiner.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(PartialJoiner, InterleavedStreamsStayApart) {
  PartialJoiner joiner({});
  EXPECT_FALSE(joiner.Add(false, true, 1, "out ").has_value());
  EXPECT_FALSE(joiner.Add(true, true, 2, "err ").has_value());
  EXPECT_TRUE(joiner.open(false));
  const auto out = joiner.Add(false, false, 3, "end");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->text, "out end");
  EXPECT_EQ(out->time_ns, 1);
  EXPECT_FALSE(joiner.open(false));
  EXPECT_TRUE(joiner.open(true));
  const auto err = joiner.Flush(true);
  ASSERT_TRUE(err.has_value());
  EXPECT_EQ(err->text, "err ");
  EXPECT_FALSE(joiner.Flush(true).has_value());
}

TEST(PartialJoiner, CutsAtTheLimitAndStartsAfresh) {
  PartialJoiner joiner({.bytes_max = 4});
  EXPECT_FALSE(joiner.Add(false, true, 1, "abc").has_value());
  const auto cut = joiner.Add(false, false, 2, "defg");
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->text, "abcd");
  EXPECT_EQ(cut->cut_bytes, 3U);
  const auto next = joiner.Add(false, false, 3, "x");
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->text, "x");
  EXPECT_EQ(next->cut_bytes, 0U);
}

}  // namespace
}  // namespace opssight
