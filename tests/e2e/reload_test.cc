// Reload and readiness: nothing is lost by either.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/e2e/e2e_world.h"
#include "tests/faults/world.h"

namespace opssight {
namespace {

using testing::HasSubstr;

TEST(Reload, KeepsEverything) {
  faults::World world({.name = "reload"});
  Programs& programs = world.programs();
  ASSERT_EQ(Why(world.Start()), "");
  world.Load({});
  for (int round = 0; round < 4; ++round) {
    ASSERT_EQ(Why(world.Pass(300)), "");
    // A setting for which the agent's parts are made anew, and one that is just taken.
    std::ofstream(programs.options().folder + "/agent.d/20.yaml")
        << "labels:\n  round: \"" << round
        << "\"\nlog_level: " << (round % 2 == 0 ? "warn" : "info") << "\n";
    programs.agent().Signal(SIGHUP);
    programs.aggregator().Signal(SIGHUP);
  }
  ASSERT_EQ(Why(world.Prove()), "");
}

TEST(Reload, ABrokenFileChangesNothing) {
  E2eWorld world;
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.Start()), "");
  const std::string folder = programs.options().folder;
  std::ofstream(folder + "/agent.d/20.yaml") << "colect:\n  interval: 1s\n";
  std::ofstream(folder + "/aggregator.d/20.yaml") << "retension: {}\n";
  programs.agent().Signal(SIGHUP);
  programs.aggregator().Signal(SIGHUP);
  for (Program* program : {&programs.agent(), &programs.aggregator()}) {
    EXPECT_TRUE(world.Comes("the old configuration stays", [&] { return program->Log(); }));
    EXPECT_TRUE(program->running());
  }
  EXPECT_THAT(programs.agent().Log(), HasSubstr("collect"));  // Did you mean …
  EXPECT_TRUE(world.Comes("\"value\":", [&] { return world.Query("system_cpu_load_1m"); }));
}

// Prove() asks at the moment that the aggregator, killed, says it is ready again: all that
// was acknowledged can be asked for, although nothing of it had left the wal.
TEST(Reload, ReadyMeansThatTheWalWasReadBack) {
  faults::World world({.name = "ready"});
  ASSERT_EQ(Why(world.Start()), "");
  world.Load({.lines = 1'500, .spans = 0, .points = 0, .pad_bytes = 1'000});
  ASSERT_EQ(Why(world.Pass(3'000)), "");
  ASSERT_EQ(Why(world.Prove()), "");
}

}  // namespace
}  // namespace opssight
