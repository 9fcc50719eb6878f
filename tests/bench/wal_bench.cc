// What it costs to make metric batches durable: Submit, accept rule, group commit,
// hand-over; no decoding (ingest does that before) and no head. CPU is the whole
// process', so fdatasync's kernel time is in it.
//
//   wal_bench [dir] [agents] [rounds] [batches a second, 0: as fast as it goes]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "aggregator/store/store.h"
#include "common/base/check.h"
#include "common/bytes/hash.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {
namespace {

constexpr std::size_t kSeries = 500;

double ProcessCpuNs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

class NullSignal final : public SignalStore {
 public:
  Status Recover(WalPosition) override { return {}; }
  void Apply(const BatchOrigin&, std::shared_ptr<const DecodedBatch>) override {}
  void Freeze(WalPosition) override {}
  Status Flush(WalPosition) override { return {}; }
  void Publish(WalPosition) override {}
  Status Retain(std::int64_t, std::uint64_t) override { return {}; }
  std::uint64_t disk_bytes() const override { return 0; }
  std::uint64_t head_bytes() const override { return 0; }
};

struct Agent {
  std::string id;
  std::shared_ptr<const Layout> layout;
  std::shared_ptr<const LayoutFrame> frame;
  std::vector<MixedSeries> series;
};

std::vector<Agent> MakeAgents(std::size_t count) {
  std::vector<Agent> agents;
  for (std::size_t i = 0; i < count; ++i) {
    Agent agent{.id = "00000000-0000-0000-0000-" + std::to_string(100'000'000'000 + i),
                .series = MakeMix(kHostMix, kSeries, i)};
    std::vector<LayoutSeries> series;
    for (std::size_t s = 0; s < kSeries; ++s) {
      series.push_back({.labels = Labels{{"__name__", "node_metric_" + std::to_string(s)},
                                         {"instance", agent.id}}});
    }
    agent.layout = std::make_shared<const Layout>(std::move(series));
    agent.frame = std::make_shared<const LayoutFrame>(FrameOf(*agent.layout));
    agents.push_back(std::move(agent));
  }
  return agents;
}

IncomingBatch NextBatch(Agent& agent, std::uint64_t seq) {
  MetricRow row{.layout = agent.layout, .time_ms = static_cast<std::int64_t>(seq * 15'000)};
  for (MixedSeries& series : agent.series) row.values.push_back(series.Next());
  BatchContents contents;
  contents.metrics.push_back(std::move(row));
  IncomingBatch batch{.agent_id = agent.id, .epoch = 1, .seq = seq};
  batch.frame = EncodeBatch(contents, 0);
  batch.hash = Hash64(batch.frame);
  batch.decoded = *DecodedBatch::Decode(batch.frame, {});
  batch.layouts = {agent.frame};
  return batch;
}

struct Total {
  double cpu_ns = 0;
  double wall_ns = 0;
};

// One round: a batch of every agent, made before the clock starts.
void Round(Store& store, std::vector<Agent>& agents, std::uint64_t seq, double rate, Total& total) {
  std::vector<IncomingBatch> batches;
  for (Agent& agent : agents) batches.push_back(NextBatch(agent, seq));
  std::atomic<std::size_t> stored{0};
  const double cpu_ns = ProcessCpuNs();
  const std::int64_t wall_ns = Clock::System().SteadyNs();
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (rate > 0) {
      const std::int64_t due_ns =
          wall_ns + static_cast<std::int64_t>(static_cast<double>(i) / rate * 1e9);
      std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - Clock::System().SteadyNs()));
    }
    store.Submit(std::move(batches[i]), [&stored](const SubmitResult& result) {
      OPS_CHECK(result.kind == SubmitResult::Kind::kStored, "{}", result.error.message);
      ++stored;
      stored.notify_one();
    });
  }
  for (std::size_t done = stored; done != agents.size(); done = stored) stored.wait(done);
  total.wall_ns += static_cast<double>(Clock::System().SteadyNs() - wall_ns);
  total.cpu_ns += ProcessCpuNs() - cpu_ns;
}

int Main(int argc, char** argv) {
  const std::string dir = argc > 1 ? argv[1] : "/var/tmp/wal_bench";
  const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
  const std::uint64_t rounds = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 10;
  const double rate = argc > 4 ? std::strtod(argv[4], nullptr) : 0;
  std::filesystem::remove_all(dir);
  NullSignal metrics;
  StoreOptions options;
  options.dir = dir;
  options.metrics = options.logs = options.spans = options.gaps = {};
  auto store = Store::Open(options);
  OPS_CHECK(store.has_value(), "{}", store.error().message);
  const Status started = (*store)->Start({{StoreSignal::kMetrics, &metrics}});
  OPS_CHECK(started.has_value(), "{}", started.error().message);
  std::vector<Agent> agents = MakeAgents(count);
  Total first;
  Round(**store, agents, 1, rate, first);  // Writes the layouts too.
  const StoreStats& stats = (*store)->stats();
  const std::uint64_t commits = stats.commits;
  const std::uint64_t bytes = stats.committed_bytes;
  Total total;
  for (std::uint64_t seq = 2; seq < 2 + rounds; ++seq) Round(**store, agents, seq, rate, total);
  const auto batches = static_cast<double>(rounds * count);
  const double samples = batches * static_cast<double>(kSeries);
  const auto made = static_cast<double>(stats.commits - commits);
  std::printf("first round with layouts: %.1f us CPU a batch\n",
              first.cpu_ns / 1e3 / static_cast<double>(count));
  std::printf("%.0f batches of %.0f B: %.1f us CPU a batch = %.4f CPU-s per million samples\n",
              batches, static_cast<double>(stats.committed_bytes - bytes) / batches,
              total.cpu_ns / 1e3 / batches, total.cpu_ns / 1e9 / (samples / 1e6));
  std::printf("%.0f batches/s, %.0f commits/s, %.1f batches a commit\n",
              batches / (total.wall_ns / 1e9), made / (total.wall_ns / 1e9), batches / made);
  (*store)->Stop();
  store->reset();
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  return opssight::bench::Main(argc, argv);
}
