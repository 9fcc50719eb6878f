// What the promise "exactly once, or an honest gap" must stand: README.md. Each test is
// one world; OPS_FAULTS=long has more rounds, OPS_SEED repeats a run.
#include <csignal>
#include <fstream>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/faults/cut_disk.h"
#include "tests/faults/world.h"
#include "tests/support/http.h"

namespace opssight::faults {
namespace {

constexpr std::chrono::seconds kTerminate{60};
constexpr std::chrono::seconds kNotice{60};

// Flushes and trims all the time, so that faults meet them.
constexpr const char* kBusyStore = R"(store:
  flush:
    age: 2s
    wal_bytes_max: 1MiB
    trim_bytes: 64KiB
)";

std::string Why(const Status& status) {
  return status ? "" : status.error().message;
}

#define ASSERT_DONE(expression) ASSERT_EQ(Why(expression), "")

Program& Victim(World& world, int round) {
  return round % 2 == 0 ? world.programs().agent() : world.programs().aggregator();
}

// Ended by kill -9, each fifth time by SIGTERM; started again at once. Each tenth round
// is a reload that makes the agent's sources anew, and a kill without waiting for it.
void KillRound(World& world, int round) {
  Program& victim = Victim(world, round);
  if (round % 5 == 4) {
    ASSERT_DONE(world.programs().WaitForAgent(kNotice));
    ASSERT_DONE(world.programs().WaitForAggregator(kNotice));
    ASSERT_DONE(victim.Terminate(kTerminate));
    world.Count("SIGTERM");
  } else if (round % 10 == 0) {
    ASSERT_DONE(world.programs().WaitForAgent(kNotice));
    std::ofstream(world.programs().options().folder + "/agent.d/20.yaml")
        << fmt::format("tail:\n  rescan: {}ms\n", 1'000 + round);
    victim.Signal(SIGHUP);
    ASSERT_DONE(world.PassBetween(0, 40));
    victim.Kill();
    world.Count("kill -9 in a reload");
  } else {
    victim.Kill();
    world.Count("kill -9");
  }
  ASSERT_DONE(victim.Start());
}

TEST(Faults, Kills) {
  World world({.name = "kills", .aggregator_yaml = kBusyStore});
  ASSERT_DONE(world.Start());
  world.Load({});
  for (int round = 0; round < Rounds(16, 250); ++round) {  // A fifth of them SIGTERM.
    ASSERT_DONE(world.PassBetween(50, 1'200));
    ASSERT_NO_FATAL_FAILURE(KillRound(world, round));
    if (round % 20 == 19) world.Say(fmt::format("round {}", round + 1));
  }
  ASSERT_DONE(world.Prove());
}

// Killed on entering the n-th call of a thread that writes the disk or says that it did.
void KillAtCall(World& world, Program& victim, const std::string& call, int n) {
  victim.Kill();
  ASSERT_DONE(victim.Start({"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
                            "-e", fmt::format("inject={}:signal=KILL:when={}", call, n)}));
  const bool fired = WaitFor(std::chrono::seconds(4), [&] { return !victim.running(); });
  world.Count(fired ? "kills at a call" : "calls not reached");
  victim.Kill();
  ASSERT_DONE(victim.Start());
}

TEST(Faults, KillsAtCalls) {
  if (!opssight::Run({"strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"})) {
    GTEST_SKIP() << "strace is not there, or may not trace";
  }
  World world({.name = "calls", .aggregator_yaml = kBusyStore});
  ASSERT_DONE(world.Start());
  world.Load({});
  for (int round = 0; round < Rounds(8, 120); ++round) {
    ASSERT_DONE(world.Pass(200));
    const char* calls[] = {"pwrite64", "fdatasync", "pwritev"};
    const std::string call = calls[static_cast<std::size_t>(round / 2) % 3];
    const int n = Long() ? 1 + round / 6 : 1 + static_cast<int>(world.random().Below(12));
    ASSERT_NO_FATAL_FAILURE(KillAtCall(world, Victim(world, round), call, n));
  }
  ASSERT_DONE(world.Prove());
}

TEST(Faults, PowerCuts) {
  TempDir dir;
  auto agent_disk = CutDisk::Make(dir / "agent", 256);
  if (!agent_disk) GTEST_SKIP() << agent_disk.error().message;
  auto aggregator_disk = CutDisk::Make(dir / "aggregator", 512);
  if (!aggregator_disk) GTEST_SKIP() << aggregator_disk.error().message;
  World world({.name = "cuts",
               .agent_dir = (*agent_disk)->path() + "/agent",
               .aggregator_dir = (*aggregator_disk)->path() + "/aggregator",
               .aggregator_yaml = kBusyStore});
  ASSERT_DONE(world.Start());
  world.Load({});
  for (int round = 0; round < Rounds(8, 100); ++round) {
    // The first cuts come at once: an identity just given must be there.
    ASSERT_DONE(world.PassBetween(round < 2 ? 0 : 200, round < 2 ? 20 : 1'500));
    CutDisk& disk = round % 2 == 0 ? **agent_disk : **aggregator_disk;
    ASSERT_DONE(disk.Cut());
    std::this_thread::sleep_for(std::chrono::milliseconds(world.random().Below(30)));
    Victim(world, round).Kill();
    ASSERT_DONE(disk.Restore());
    ASSERT_DONE(Victim(world, round).Start());
    world.Count(round % 2 == 0 ? "power cuts of the agent" : "power cuts of the aggregator");
    if (round % 20 == 19) world.Say(fmt::format("round {}", round + 1));
  }
  ASSERT_DONE(world.Prove());
}

struct Side {
  const char* name;
  Program& program;
  CutDisk& disk;
  bool down = false;  // To be started.
};

void KillSide(World& world, Side& side) {
  side.program.Kill();
  side.down = true;
  world.Count(fmt::format("kills of the {}", side.name));
}

void CutSide(World& world, Side& side) {
  ASSERT_DONE(side.disk.Cut());
  std::this_thread::sleep_for(std::chrono::milliseconds(world.random().Below(30)));
  side.program.Kill();
  side.down = true;
  ASSERT_DONE(side.disk.Restore());
  world.Count(fmt::format("power cuts of the {}", side.name));
}

// Full, then killed and started on the full disk, then freed.
void FillSide(World& world, Side& side) {
  ASSERT_DONE(side.disk.Fill());
  ASSERT_DONE(world.PassBetween(0, 2'000));
  if (world.random().Below(2) == 0) {
    side.program.Kill();
    ASSERT_DONE(side.program.Start());
    ASSERT_DONE(world.PassBetween(300, 1'500));
    world.Count(fmt::format("kills on a full disk of the {}", side.name));
  }
  ASSERT_DONE(side.disk.Free());
  world.Count(fmt::format("full disks of the {}", side.name));
}

void HangSide(World& world, Side& side) {
  side.program.Signal(SIGSTOP);
  ASSERT_DONE(world.PassBetween(0, 3'000));
  side.program.Signal(SIGCONT);
  world.Count(fmt::format("times that the {} hung", side.name));
}

void Strike(World& world, std::vector<Side>& sides) {
  Side& one = sides[world.random().Below(2)];
  switch (world.random().Below(6)) {
    case 0:
      return FillSide(world, one);
    case 1:
      return HangSide(world, one);
    case 2:
      KillSide(world, sides[0]);
      return KillSide(world, sides[1]);
    case 3:
      ASSERT_NO_FATAL_FAILURE(CutSide(world, sides[0]));
      return CutSide(world, sides[1]);
    case 4:
      return CutSide(world, one);
    default:
      return KillSide(world, one);
  }
}

TEST(Faults, Mixed) {
  TempDir dir;
  auto agent_disk = CutDisk::Make(dir / "agent", 256);
  if (!agent_disk) GTEST_SKIP() << agent_disk.error().message;
  auto aggregator_disk = CutDisk::Make(dir / "aggregator", 512);
  if (!aggregator_disk) GTEST_SKIP() << aggregator_disk.error().message;
  World world({.name = "mixed",
               .agent_dir = (*agent_disk)->path() + "/agent",
               .aggregator_dir = (*aggregator_disk)->path() + "/aggregator",
               .aggregator_yaml = kBusyStore});
  ASSERT_DONE(world.Start());
  world.Load({.rotate_after = 150});
  std::vector<Side> sides = {{"agent", world.programs().agent(), **agent_disk},
                             {"aggregator", world.programs().aggregator(), **aggregator_disk}};
  for (int round = 0; round < Rounds(8, 150); ++round) {
    ASSERT_DONE(world.PassBetween(50, 1'500));
    ASSERT_NO_FATAL_FAILURE(Strike(world, sides));
    for (Side& side : sides) {
      if (!std::exchange(side.down, false)) continue;
      ASSERT_DONE(side.program.Start());
    }
    if (round % 20 == 19) world.Say(fmt::format("round {}", round + 1));
  }
  ASSERT_DONE(world.Prove());
}

// More than the spool holds, of text that hardly compresses.
constexpr LoadOptions kHeavy{
    .lines = 200, .spans = 600, .points = 200, .pad_bytes = 2'000, .rotate_after = 700};

TEST(Faults, AwayFilesWait) {
  World world({.name = "wait", .agent_yaml = "spool:\n  bytes_max: 16MiB\n"});
  ASSERT_DONE(world.Start());
  ASSERT_DONE(world.programs().aggregator().Terminate(kTerminate));
  world.Load(kHeavy);
  ASSERT_TRUE(WaitFor(std::chrono::seconds(120), [&] {
    return world.programs().AgentMetric("opssight_spool_bytes").value_or(0) > 0.9 * (16 << 20);
  })) << world.programs().agent().LogTail();
  std::this_thread::sleep_for(std::chrono::seconds(Rounds(2, 60)));
  ASSERT_DONE(world.programs().aggregator().Start());
  ASSERT_DONE(world.Prove());
  EXPECT_EQ(world.in_gaps(), 0U);
}

TEST(Faults, AwayTooLong) {
  World world(
      {.name = "away", .agent_yaml = "spool:\n  bytes_max: 16MiB\n  congested_percent: 100\n"});
  ASSERT_DONE(world.Start());
  world.Load(kHeavy);
  for (int round = 0; round < Rounds(1, 5); ++round) {
    ASSERT_DONE(world.programs().aggregator().Terminate(kTerminate));
    const std::string dropped = R"(opssight_spool_dropped_records_total{signal="spans"})";
    const double before = world.programs().AgentMetric(dropped).value_or(0);
    ASSERT_TRUE(WaitFor(std::chrono::seconds(120), [&] {
      return world.programs().AgentMetric(dropped).value_or(0) > before + 500;
    })) << world.programs().agent().LogTail();
    if (Long()) {
      world.programs().agent().Kill();
      ASSERT_DONE(world.programs().agent().Start());
    }
    ASSERT_DONE(world.programs().aggregator().Start());
    ASSERT_DONE(world.Pass(1'000));
    world.Count("times away");
  }
  ASSERT_DONE(world.Prove());
  EXPECT_GT(world.in_gaps(), 0U);
}

TEST(Faults, AgentDiskFull) {
  TempDir dir;
  auto disk = CutDisk::Make(dir / "agent", 64);
  if (!disk) GTEST_SKIP() << disk.error().message;
  World world({.name = "agentfull", .agent_dir = (*disk)->path() + "/agent"});
  ASSERT_DONE(world.Start());
  world.Load({.lines = 100, .spans = 100, .points = 100, .pad_bytes = 500});
  for (int round = 0; round < Rounds(1, 10); ++round) {
    ASSERT_DONE(world.Pass(500));
    // With the aggregator away nothing leaves the spool, so that it has to grow.
    ASSERT_DONE(world.programs().aggregator().Terminate(kTerminate));
    ASSERT_DONE((*disk)->Fill());
    ASSERT_TRUE(WaitFor(kNotice, [&] {
      return world.programs().AgentMetric("opssight_batch_failing").value_or(0) == 1;
    })) << world.programs().agent().LogTail();
    std::this_thread::sleep_for(std::chrono::milliseconds(500 + world.random().Below(2'000)));
    ASSERT_DONE((*disk)->Free());
    ASSERT_DONE(world.programs().aggregator().Start());
    ASSERT_TRUE(WaitFor(kNotice, [&] {
      return world.programs().AgentMetric("opssight_batch_failing").value_or(1) == 0;
    })) << world.programs().agent().LogTail();
    world.Count("times full");
  }
  ASSERT_DONE(world.Prove());
}

TEST(Faults, AggregatorDiskFull) {
  TempDir dir;
  auto disk = CutDisk::Make(dir / "aggregator", Long() ? 512 : 128);
  if (!disk) GTEST_SKIP() << disk.error().message;
  World world({.name = "aggrfull",
               .aggregator_dir = (*disk)->path() + "/aggregator",
               .aggregator_yaml = kBusyStore});
  ASSERT_DONE(world.Start());
  world.Load({.pad_bytes = 500});
  const auto refused = [&] {
    double sum = 0;
    for (const char* name : {R"(opssight_store_rejected_batches_total{reason="disk"})",
                             "opssight_store_commit_errors_total"}) {
      sum += world.programs().AggregatorMetric(name).value_or(0);
    }
    return sum;
  };
  for (int round = 0; round < Rounds(1, 10); ++round) {
    ASSERT_DONE(world.Pass(2'000));
    const double before = refused();
    ASSERT_DONE((*disk)->Fill());
    ASSERT_TRUE(WaitFor(kNotice, [&] { return refused() > before; }))
        << world.programs().aggregator().LogTail();
    ASSERT_DONE(world.PassBetween(500, 3'000));
    const HttpAnswer answer = HttpGet(world.programs().url() + "/loki/api/v1/query_range?query=" +
                                      UrlEscape("{pod=\"cri1\"}") + "&limit=10");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("n="), std::string::npos) << answer.body;
    ASSERT_DONE((*disk)->Free());
    world.Count("times full");
  }
  ASSERT_DONE(world.Prove());
  EXPECT_EQ(world.in_gaps(), 0U);
}

}  // namespace
}  // namespace opssight::faults
