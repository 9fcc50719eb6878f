#include "aggregator/store/runs.h"

#include <set>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "common/base/random.h"

namespace opssight {
namespace {

// Feeds the numbers in order (the hash of seq is seq); "1-3 7-7|stored 4,dup 1,early 0".
std::string Accept(const std::vector<std::uint64_t>& seqs, std::size_t runs_max = 16) {
  RunSet set(runs_max);
  int stored = 0, duplicates = 0, early = 0;
  for (const std::uint64_t seq : seqs) {
    switch (set.Accept(seq, seq).verdict) {
      case RunSet::Verdict::kStore:
        ++stored;
        break;
      case RunSet::Verdict::kDuplicate:
      case RunSet::Verdict::kConflict:
        ++duplicates;
        break;
      case RunSet::Verdict::kOutOfOrder:
        ++early;
        break;
    }
  }
  std::string text;
  for (const CommittedRun& run : set.runs()) {
    EXPECT_EQ(run.last_hash, run.last);
    text += fmt::format("{}-{} ", run.first, run.last);
  }
  return text + fmt::format("|{},{},{}", stored, duplicates, early);
}

TEST(RunSetTest, StoresEachNumberOnce) {
  EXPECT_EQ(Accept({1, 2, 3}), "1-3 |3,0,0");
  EXPECT_EQ(Accept({1, 2, 2, 1, 3}), "1-3 |3,2,0");
  EXPECT_EQ(Accept({1, 2, 9, 10, 3}), "1-3 9-10 |5,0,0");
  EXPECT_EQ(Accept({1, 2, 5, 3, 4, 6, 5}), "1-6 |6,1,0");  // The two lanes meet.
  EXPECT_EQ(Accept({5, 4, 3}), "3-5 |3,0,0");
}

TEST(RunSetTest, OpensAtMostRunsMax) {
  EXPECT_EQ(Accept({1, 5, 9}, 2), "1-1 5-5 |2,0,1");
  EXPECT_EQ(Accept({1, 5, 6, 2}, 2), "1-2 5-6 |4,0,0");
  EXPECT_EQ(Accept({1, 5, 4}, 2), "1-1 4-5 |3,0,0");  // Adjacent opens none.
  RunSet set(1);
  set.Accept(3, 3);
  EXPECT_EQ(set.Accept(9, 9).expected, 4U);
}

TEST(RunSetTest, NoticesOtherBytesUnderTheSameNumber) {
  RunSet set;
  set.Accept(1, 10);
  EXPECT_EQ(set.Accept(1, 10).verdict, RunSet::Verdict::kDuplicate);
  EXPECT_EQ(set.Accept(1, 11).verdict, RunSet::Verdict::kConflict);
}

TEST(RunSetTest, IsASetWhateverTheOrder) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    RunSet set(4);
    std::set<std::uint64_t> model;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t seq = 1 + random.Below(30);
      const auto verdict = set.Accept(seq, seq).verdict;
      EXPECT_EQ(verdict == RunSet::Verdict::kDuplicate, model.contains(seq));
      if (verdict == RunSet::Verdict::kStore) model.insert(seq);
      const auto again = RunSet::Decode(set.Encode(), 4);
      ASSERT_TRUE(again.has_value());
      EXPECT_EQ(again->runs(), set.runs());
    }
    std::size_t held = 0;
    for (const CommittedRun& run : set.runs()) held += run.last - run.first + 1;
    EXPECT_EQ(held, model.size());
  }
}

TEST(RunSetTest, RefusesDamagedBytes) {
  RunSet set;
  set.Accept(1, 1);
  set.Accept(3, 3);
  const std::string bytes = set.Encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(RunSet::Decode(bytes.substr(0, size)).has_value());
  }
  std::string swapped = bytes.substr(0, 2) + bytes.substr(26) + bytes.substr(2, 24);
  EXPECT_FALSE(RunSet::Decode(swapped).has_value());
}

}  // namespace
}  // namespace opssight
