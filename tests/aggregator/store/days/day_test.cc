#include "aggregator/store/days/day.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DayTest, ATimeBelongsToTheDayThatItsUtcDateNames) {
  EXPECT_EQ(DayOfNs(0), 0);
  EXPECT_EQ(DayOfNs(kNsPerDay - 1), 0);
  EXPECT_EQ(DayOfNs(kNsPerDay), 1);
  EXPECT_EQ(DayOfNs(-1), -1);
  EXPECT_EQ(DayOfMs(-kMsPerDay), -1);
}

TEST(DayTest, FileNamesAreDates) {
  EXPECT_EQ(DayFileName('l', 0), "l-19700101.mdb");
  EXPECT_EQ(DayFileName('t', 20'514), "t-20260302.mdb");
  EXPECT_EQ(ParseDayFileName('t', "t-20260302.mdb"), 20'514);
  for (const char* other : {"l-20260302.mdb", "t-20260230.mdb", "t-2026030.mdb", "t-20260302.bad",
                            "t-20260302.mdb-lock", "t-2026x302.mdb", ""}) {
    EXPECT_EQ(ParseDayFileName('t', other), std::nullopt) << other;
  }
}

TEST(DayTest, RetentionDropsTheOldestAndNeverTheNewest) {
  const std::map<DayNumber, std::uint64_t> days{{1, 10}, {2, 10}, {5, 10}, {6, 10}};
  EXPECT_THAT(DaysToDrop(days, 0, 0), IsEmpty());
  EXPECT_THAT(DaysToDrop(days, 3 * kMsPerDay, 0), ElementsAre(1, 2));
  EXPECT_THAT(DaysToDrop(days, 3 * kMsPerDay - 1, 0), ElementsAre(1));
  EXPECT_THAT(DaysToDrop(days, 0, 25), ElementsAre(1, 2));
  EXPECT_THAT(DaysToDrop(days, 0, 1), ElementsAre(1, 2, 5));
  EXPECT_THAT(DaysToDrop(days, 100 * kMsPerDay, 0), ElementsAre(1, 2, 5));
  EXPECT_THAT(DaysToDrop({}, 0, 1), IsEmpty());
}

}  // namespace
}  // namespace opssight
