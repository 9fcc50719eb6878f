#include "aggregator/targets/agent_targets.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

std::shared_ptr<const TargetsSnapshot> Jobs(const std::string& name, std::size_t bytes = 0) {
  auto out = std::make_shared<TargetsSnapshot>();
  out->pools.push_back({.name = name, .config_yaml = std::string(bytes, 'x')});
  return out;
}

class AgentTargetsTest : public testing::Test {
 protected:
  // The names of all pools, in the order told.
  std::string Names() const {
    std::string out;
    for (const auto& snapshot : targets_.Snapshots()) {
      for (const ScrapePool& pool : snapshot->pools) out += pool.name + " ";
    }
    return out;
  }

  FakeClock clock_;
  AgentTargets targets_{clock_, {.expire_ms = 300'000, .bytes_max = 10'000}};
};

TEST_F(AgentTargetsTest, TheNewestOfEachAgent) {
  targets_.Tell("b", 100, Jobs("b1"));
  targets_.Tell("a", 50, Jobs("a1"));
  targets_.Tell("b", 200, Jobs("b2"));
  EXPECT_EQ(Names(), "a1 b2 ");
  targets_.Tell("b", 150, Jobs("late"));  // Of a backlog.
  EXPECT_EQ(Names(), "a1 b2 ");
  EXPECT_EQ(targets_.stats().outdated, 1U);
  EXPECT_EQ(targets_.stats().agents, 2);
}

TEST_F(AgentTargetsTest, SilentAgentsAreForgotten) {
  targets_.Tell("a", 1, Jobs("a"));
  clock_.AdvanceMs(200'000);
  targets_.Tell("b", 1, Jobs("b"));
  clock_.AdvanceMs(100'000);
  EXPECT_EQ(Names(), "b ");
  // Its clock went back meanwhile: what it says counts once the old is forgotten.
  targets_.Tell("a", 0, Jobs("again"));
  EXPECT_EQ(Names(), "again b ");
}

TEST_F(AgentTargetsTest, MemoryIsBounded) {
  targets_.Tell("a", 1, Jobs("a", 6'000));
  targets_.Tell("b", 1, Jobs("b", 6'000));
  EXPECT_EQ(Names(), "a ");
  EXPECT_EQ(targets_.stats().refused, 1U);
  targets_.Tell("a", 2, Jobs("less"));
  targets_.Tell("b", 2, Jobs("b", 6'000));
  EXPECT_EQ(Names(), "less b ");
  EXPECT_GT(targets_.stats().bytes, 6'000);
  clock_.AdvanceMs(300'000);
  targets_.Trim();
  EXPECT_EQ(targets_.stats().bytes, 0);
  EXPECT_EQ(targets_.stats().agents, 0);
}

}  // namespace
}  // namespace opssight
