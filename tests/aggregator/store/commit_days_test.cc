#include "aggregator/store/commit_days.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(CommitDaysTest, TheOldestDayOfWhatIsThere) {
  CommitDays days;
  days.Start(10);
  days.Committed(11, 100);
  days.Committed(15, 100);
  days.Committed(16, 101);
  EXPECT_EQ(days.Oldest(0, 101), 0U) << "of an earlier process: of any day";
  EXPECT_EQ(days.Oldest(9, 101), 0U);
  EXPECT_EQ(days.Oldest(10, 101), 100U);
  EXPECT_EQ(days.Oldest(14, 101), 100U);
  EXPECT_EQ(days.Oldest(15, 101), 101U);
  EXPECT_EQ(days.Oldest(16, 105), 105U) << "nothing there: what comes today";
}

TEST(CommitDaysTest, AClockSetBackCountsAndAnUnsteadyOneTakesNoMemory) {
  CommitDays days;
  days.Committed(1, 100);
  days.Committed(2, 50);
  days.Committed(3, 100);
  EXPECT_EQ(days.Oldest(1, 100), 50U);
  EXPECT_EQ(days.Oldest(2, 100), 100U);
  EXPECT_EQ(days.Oldest(3, 40), 40U);
  for (WalPosition at = 4; at < 10'000; ++at) days.Committed(at, at == 4 ? 7 : 90 + at % 2);
  EXPECT_EQ(days.Oldest(4, 100), 7U) << "merged: lower than it is, never higher";
  EXPECT_EQ(days.Oldest(9'999, 100), 100U);
}

}  // namespace
}  // namespace opssight
