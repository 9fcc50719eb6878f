// The checker against made-up answers: each kind of wrong is seen.
#include "tests/faults/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight::faults {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Five records at 100, 110, 120, 130, 140 ns.
Evidence Five(std::vector<std::uint64_t> found, std::vector<GapRecord> gaps = {}) {
  return {.source = "a",
          .emitted = 5,
          .first_ns = 100,
          .step_ns = 10,
          .found = std::move(found),
          .gaps = std::move(gaps)};
}

TEST(Checker, AllOnceInAnyOrderIsRight) {
  const Verdict verdict = Check(Five({5, 1, 3, 2, 4}));
  EXPECT_THAT(verdict.problems, IsEmpty());
  EXPECT_EQ(verdict.found, 5U);
}

TEST(Checker, MissingIsSeen) {
  EXPECT_THAT(Check(Five({1, 2, 4, 5})).problems,
              ElementsAre(HasSubstr("missing without a gap record, 1 numbers: 3"),
                          HasSubstr("gap records say 0 of 1 missing")));
}

TEST(Checker, FirstAndLastMissingAreSeen) {
  const Verdict verdict = Check(Five({2, 3, 4}));
  EXPECT_EQ(verdict.unexplained, 2U);
  EXPECT_FALSE(verdict.problems.empty());
}

TEST(Checker, NothingFoundIsSeen) {
  EXPECT_EQ(Check(Five({})).unexplained, 5U);
}

TEST(Checker, DuplicateIsSeen) {
  const Verdict verdict = Check(Five({1, 2, 3, 3, 3, 4, 5}));
  EXPECT_THAT(verdict.problems, ElementsAre(HasSubstr("more than once, 1 numbers: 3")));
  EXPECT_EQ(verdict.duplicates, 2U);
}

TEST(Checker, RetriesDoNotExcuseDuplicates) {
  Evidence evidence = Five({1, 2, 3, 3, 4, 5});
  evidence.retried = 5;
  EXPECT_FALSE(Check(evidence).problems.empty());
}

TEST(Checker, NeverEmittedIsSeen) {
  EXPECT_THAT(Check(Five({0, 1, 2, 3, 4, 5, 6})).problems,
              ElementsAre(HasSubstr("never emitted, 2 numbers: 0 6")));
}

TEST(Checker, OtherContentIsSeen) {
  Evidence evidence = Five({1, 2, 3, 4, 5});
  evidence.strange = {"n=3 of b"};
  EXPECT_THAT(Check(evidence).problems, ElementsAre(HasSubstr("n=3 of b")));
}

TEST(Checker, AGapThatCoversWhatIsMissingIsRight) {
  const Verdict verdict = Check(Five({1, 5}, {{110, 130, 3, "spool full"}}));
  EXPECT_THAT(verdict.problems, IsEmpty());
  EXPECT_EQ(verdict.missing, 3U);
  EXPECT_EQ(verdict.in_gaps, 3U);
}

TEST(Checker, SeveralGapsAddUp) {
  EXPECT_THAT(Check(Five({3}, {{100, 110, 2, "x"}, {130, 140, 2, "y"}})).problems, IsEmpty());
}

TEST(Checker, AGapAtAnotherTimeDoesNotCover) {
  EXPECT_THAT(Check(Five({1, 2, 4, 5}, {{130, 140, 1, "x"}})).problems,
              ElementsAre(HasSubstr("missing without a gap record, 1 numbers: 3")));
}

TEST(Checker, AGapWithTooSmallACountIsSeen) {
  EXPECT_THAT(Check(Five({1, 5}, {{110, 130, 2, "x"}})).problems,
              ElementsAre(HasSubstr("gap records say 2 of 3 missing")));
}

TEST(Checker, AGapOfCountNoneCoversNothing) {
  EXPECT_EQ(Check(Five({1, 2, 4, 5}, {{100, 140, 0, "x"}})).unexplained, 1U);
}

TEST(Checker, AGapForWhatIsThereIsSeen) {
  EXPECT_THAT(Check(Five({1, 2, 3, 4, 5}, {{110, 110, 1, "x"}})).problems,
              ElementsAre(HasSubstr("gap records say 1 lost where 0 are missing")));
}

TEST(Checker, AGapForACopyThatWasSentAgainIsRight) {
  Evidence evidence = Five({1, 2, 3, 4, 5}, {{110, 120, 2, "x"}});
  evidence.retried = 2;
  EXPECT_THAT(Check(evidence).problems, IsEmpty());
  evidence.retried = 1;
  EXPECT_FALSE(Check(evidence).problems.empty());
}

TEST(Checker, WithoutTimesOnlyCountsSpeak) {
  Evidence evidence = Five({1, 2, 4, 5}, {{900, 940, 1, "x"}});
  evidence.timed = false;
  EXPECT_THAT(Check(evidence).problems, IsEmpty());
  evidence.gaps.clear();
  EXPECT_EQ(Check(evidence).unexplained, 1U);
}

TEST(Checker, NothingEmittedShowsNothing) {
  EXPECT_FALSE(Check({.source = "a"}).problems.empty());
}

}  // namespace
}  // namespace opssight::faults
