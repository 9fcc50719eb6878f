// The store with its logs through crashes: a child process dies at a chosen step or
// by SIGKILL at any moment, and what is there afterwards must be exactly the batches
// 1..N of each agent, each once, N at least what was answered.
#include <csignal>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "aggregator/store/logs/logs_store.h"
#include "common/base/check.h"
#include "common/base/random.h"
#include "tests/aggregator/store/store_testing.h"

namespace opssight {
namespace {

using namespace testing_store;  // NOLINT(google-build-using-namespace)

constexpr int kAgents = 3;

std::string AgentOf(int number) {
  return "agent-" + std::to_string(number);
}

// Four batches a day.
IncomingBatch BatchOf(int agent, std::uint64_t seq) {
  return LineBatch(AgentOf(agent), seq, 100,
                   static_cast<std::int64_t>(seq % 16) * (kNsPerDay / 4) + 1);
}

struct Opened {
  std::unique_ptr<LogsStore> logs;
  std::unique_ptr<Store> store;
};

Opened OpenAt(const std::string& dir, StoreHooks* hooks) {
  StoreOptions options = SmallOptions(dir);
  options.hooks = hooks;
  options.trim_bytes = 1000;  // Several pieces.
  Opened opened;
  opened.logs = std::make_unique<LogsStore>(
      LogsOptions{.dir = dir, .block_raw_bytes = 4096, .map_bytes = 4 << 20});
  auto store = Store::Open(std::move(options));
  OPS_CHECK(store.has_value(), "{}", store.error().message);
  opened.store = *std::move(store);
  const Status started = opened.store->Start({{StoreSignal::kLogs, opened.logs.get()}});
  OPS_CHECK(started.has_value(), "{}", started.error().message);
  return opened;
}

// Agent -> the numbers of its lines, as a query sees them.
std::map<std::string, std::multiset<std::uint64_t>> Query(const Opened& opened) {
  opened.store->WaitApplied();
  const auto streams = opened.logs->Select(
      {.from_ns = 0, .to_ns = 100 * kNsPerDay, .backward = false, .limit = 1'000'000}, {});
  EXPECT_TRUE(streams.has_value());
  std::map<std::string, std::multiset<std::uint64_t>> out;
  if (!streams) return out;
  for (const LogStreamLines& stream : *streams) {
    const std::string agent(stream.stream.Get("agent"));
    for (const LogLine& line : stream.lines) {
      out[agent].insert(std::strtoull(line.line.c_str() + agent.size() + 1, nullptr, 10));
    }
  }
  return out;
}

std::uint64_t CommittedOf(const Opened& opened, int agent) {
  const auto progress = opened.store->Progress(AgentOf(agent), 1);
  if (!progress || progress->runs.empty()) return 0;
  EXPECT_EQ(progress->runs.size(), 1U);
  EXPECT_EQ(progress->runs.front().first, 1U);
  return progress->runs.front().last;
}

void ExpectExactly(const Opened& opened, int agent, std::uint64_t last) {
  std::multiset<std::uint64_t> expected;
  for (std::uint64_t seq = 1; seq <= last; ++seq) expected.insert(expected.end(), seq);
  EXPECT_EQ(Query(opened)[AgentOf(agent)], expected) << "agent " << agent;
}

class DieAt final : public StoreHooks {
 public:
  DieAt(StorePoint point, int times) : point_(point), left_(times) {}
  void At(StorePoint point) override {
    if (point == point_ && --left_ == 0) _exit(0);
  }

 private:
  const StorePoint point_;
  std::atomic<int> left_;
};

struct Ack {
  int agent;
  std::uint64_t seq;
};

// Calls body in a child process with a way to report; the highest seq it reported of
// each agent. more(ack) false: the child is killed.
std::map<int, std::uint64_t> RunChild(const std::function<void(int report)>& body,
                                      const std::function<bool()>& more) {
  int ends[2];
  OPS_CHECK(pipe(ends) == 0, "pipe");
  const pid_t child = fork();
  OPS_CHECK(child >= 0, "fork");
  if (child == 0) {
    close(ends[0]);
    body(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  std::map<int, std::uint64_t> acked;
  bool killed = false;
  Ack ack{};
  while (read(ends[0], &ack, sizeof ack) == static_cast<ssize_t>(sizeof ack)) {
    acked[ack.agent] = std::max(acked[ack.agent], ack.seq);
    if (!killed && !more()) {
      kill(child, SIGKILL);
      killed = true;
    }
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
  return acked;
}

void Report(int report, int agent, std::uint64_t seq) {
  const Ack ack{.agent = agent, .seq = seq};
  OPS_CHECK(write(report, &ack, sizeof ack) == static_cast<ssize_t>(sizeof ack), "report");
}

void SubmitSteps(const std::string& dir, StoreHooks* hooks, int report) {
  const Opened opened = OpenAt(dir, hooks);
  for (std::uint64_t seq = 1; seq <= 24; ++seq) {
    if (SubmitKind(*opened.store, BatchOf(0, seq)) == "stored") Report(report, 0, seq);
    if (seq % 8 == 0) (void)opened.store->FlushNow();
  }
}

TEST(StoreCrashTest, EachStepMayBeTheLast) {
  for (int point = 0; point <= static_cast<int>(StorePoint::kTrimmed); ++point) {
    for (const int times : {1, 2, 3}) {
      SCOPED_TRACE("point " + std::to_string(point) + ", time " + std::to_string(times));
      TempDir dir;
      DieAt hooks(static_cast<StorePoint>(point), times);
      const auto acked = RunChild([&](int report) { SubmitSteps(dir.path(), &hooks, report); },
                                  [] { return true; });
      const Opened opened = OpenAt(dir.path(), nullptr);
      const std::uint64_t last = CommittedOf(opened, 0);
      if (acked.contains(0)) {
        EXPECT_GE(last, acked.at(0));
      }
      EXPECT_LT(last, 24U + (point >= 2 ? 1U : 0U)) << "the child was to die";
      ExpectExactly(opened, 0, last);
      for (std::uint64_t seq = 1; seq <= 26; ++seq) {
        EXPECT_EQ(SubmitKind(*opened.store, BatchOf(0, seq)), seq <= last ? "duplicate" : "stored");
      }
      ExpectExactly(opened, 0, 26);
      ASSERT_TRUE(opened.store->FlushNow().has_value());
      ExpectExactly(opened, 0, 26);
    }
  }
}

// Three agents send without waiting, a fourth thread flushes.
void SubmitUntilKilled(const std::string& dir, const std::map<int, std::uint64_t>& from,
                       int report) {
  const Opened opened = OpenAt(dir, nullptr);
  std::vector<std::thread> threads;
  for (int agent = 0; agent < kAgents; ++agent) {
    threads.emplace_back([&opened, agent, report, from] {
      for (std::uint64_t seq = from.at(agent);; ++seq) {
        const std::string kind = SubmitKind(*opened.store, BatchOf(agent, seq));
        OPS_CHECK(kind == "stored" || kind == "duplicate", "{}", kind);
        Report(report, agent, seq);
      }
    });
  }
  for (;;) (void)opened.store->FlushNow();
}

TEST(StoreCrashTest, Kill9AtAnyMoment) {
  const char* given = std::getenv("OPS_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("OPS_SEED=" + std::to_string(seed));
  Random random(seed);
  const char* rounds = std::getenv("OPS_ROUNDS");
  const int count = rounds != nullptr ? std::atoi(rounds) : 20;
  TempDir dir;
  std::map<int, std::uint64_t> from{{0, 1}, {1, 1}, {2, 1}};
  for (int round = 0; round < count; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::uint64_t left = 1 + random.Below(60);
    const auto acked = RunChild([&](int report) { SubmitUntilKilled(dir.path(), from, report); },
                                [&left] { return --left != 0; });
    const Opened opened = OpenAt(dir.path(), nullptr);
    for (int agent = 0; agent < kAgents; ++agent) {
      const std::uint64_t last = CommittedOf(opened, agent);
      const auto it = acked.find(agent);
      if (it != acked.end()) {
        EXPECT_GE(last, it->second) << "answered, then lost";
      }
      ExpectExactly(opened, agent, last);
      // An agent that missed some answers begins a little earlier.
      from[agent] = last + 1 - std::min(last, random.Below(4));
    }
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace opssight
