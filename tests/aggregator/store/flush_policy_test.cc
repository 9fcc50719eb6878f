#include "aggregator/store/flush_policy.h"

#include <gtest/gtest.h>

#include "aggregator/store/byte_budget.h"
#include "aggregator/store/group_window.h"

namespace opssight {
namespace {

TEST(FlushPolicyTest, WhicheverComesFirst) {
  const StoreOptions options{.flush_age_ms = 1000, .wal_bytes_max = 100, .head_bytes_max = 50};
  const auto f = [&options](const FlushState& state, std::string_view expected) {
    EXPECT_EQ(ToString(FlushDue(options, state)), expected);
  };
  f({.anything = true}, "none");
  f({.anything = true, .since_flush_ms = 1000}, "age");
  f({.anything = false, .since_flush_ms = 1000, .unfrozen_bytes = 100}, "none");
  f({.anything = true, .unfrozen_bytes = 100}, "wal bytes");
  f({.anything = true, .head_bytes = 50}, "head bytes");
  f({.anything = true, .head_bytes = 80, .head_bytes_after_flush = 40}, "none");
  f({.anything = true, .head_bytes = 90, .head_bytes_after_flush = 40}, "head bytes");
  f({.anything = true, .head_bytes = 10, .head_bytes_after_flush = 40}, "none");
  f({.anything = true, .head_bytes = 6, .ripe = true}, "ripe");
  f({.anything = true, .head_bytes = 5, .ripe = true}, "none");
  f({.anything = false, .head_bytes = 6, .ripe = true}, "none");
  EXPECT_FALSE(FlushBehind(options, {.unflushed_bytes = 199, .head_bytes = 99}));
  EXPECT_TRUE(FlushBehind(options, {.head_bytes = 100}));
  EXPECT_FALSE(FlushBehind(options, {.head_bytes = 100, .head_bytes_after_flush = 1}));
  EXPECT_TRUE(FlushBehind(options, {.unflushed_bytes = 200}));
}

TEST(FlushPolicyTest, TheReserveIsTheSmallerOne) {
  const StoreOptions options;
  EXPECT_EQ(DiskReserve(options, {.total_bytes = 1ULL << 40}), 256ULL << 20);
  EXPECT_EQ(DiskReserve(options, {.total_bytes = 100'000'000}), 2'000'000U);
}

using Answer = RetentionSchedule::Answer;

TEST(RetentionScheduleTest, RunsAtOnceThenEachPeriod) {
  RetentionSchedule schedule(100, 0, 5);
  EXPECT_EQ(schedule.Ask(1'000'000'000'000, 5), Answer::kRun);
  EXPECT_EQ(schedule.Ask(1'000'000'000'099, 104), Answer::kNotYet);
  EXPECT_EQ(schedule.Ask(1'000'000'000'100, 105), Answer::kRun);
}

TEST(RetentionScheduleTest, AJumpOfTheClockGetsAPeriodToBeSetRight) {
  constexpr std::int64_t kWall = 1'000'000'000'000;
  RetentionSchedule schedule(100, kWall, 0);
  EXPECT_EQ(schedule.Ask(kWall + 365 * kMsPerDay, 0), Answer::kClockJumped);
  EXPECT_EQ(schedule.Ask(kWall + 365 * kMsPerDay, 1), Answer::kNotYet);
  EXPECT_EQ(schedule.Ask(kWall, 100), Answer::kClockJumped) << "and back";
  EXPECT_EQ(schedule.Ask(kWall + 100, 200), Answer::kRun);
}

TEST(GroupWindowTest, ALoneBatchGoesAtOnceAStreamInGroups) {
  GroupWindow window(5, 20);
  constexpr std::int64_t kStart = 1'000'000'000;
  EXPECT_LT(window.DueNs(), kStart);
  window.Started(kStart, 1);
  EXPECT_EQ(window.DueNs(), kStart + 5 * kNsPerMs);
  window.Started(kStart, 3);
  EXPECT_EQ(window.DueNs(), kStart + 10 * kNsPerMs);
  window.Started(kStart, 3);
  window.Started(kStart, 3);
  EXPECT_EQ(window.DueNs(), kStart + 20 * kNsPerMs);
  window.Started(kStart, 1);
  EXPECT_EQ(window.DueNs(), kStart + 10 * kNsPerMs);
}

TEST(ByteBudgetTest, LetsInWhatFitsAndOneThatNeverWould) {
  std::atomic<std::uint64_t> level{0};
  ByteBudget budget(10, level);
  auto first = budget.TryTake(8);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(budget.TryTake(3), nullptr);
  auto second = budget.TryTake(2);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(level, 10U);
  first.reset();
  second.reset();
  EXPECT_EQ(level, 0U);
  const auto huge = budget.TryTake(1000);
  EXPECT_NE(huge, nullptr);
  EXPECT_EQ(budget.TryTake(1), nullptr);
}

}  // namespace
}  // namespace opssight
