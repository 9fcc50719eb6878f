#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/bytes/endian.h"
#include "common/codec/batch/batch.h"
#include "tests/bench/metric_mix.h"
#include "tests/bench/system/corpus.h"
#include "tests/bench/system/fleet.h"
#include "tests/bench/system/scenarios.h"

namespace opssight::bench {
namespace {

constexpr std::int64_t kSpacingMs = 15'000;
constexpr double kSteadyIntervalS = 10;

using Rows = std::vector<std::vector<double>>;

// u32 series, then rows of an i64 time and a double for each.
Rows ReadRecording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest(bytes);
  const std::size_t width = GetLe<std::uint32_t>(rest).value_or(0);
  Rows rows;
  while (width != 0 && rest.size() >= 8 * (1 + width)) {
    rest.remove_prefix(8);
    for (double& value : rows.emplace_back(width)) value = *GetLe<double>(rest);
  }
  if (rows.empty()) Fail(path + " is no recording of agent_bench");
  return rows;
}

// Scrapes of one host, 15 s apart at a phase of its own, with some jitter.
class Host {
 public:
  // recorded: its rows, or null for made-up series. Outlives the host.
  Host(std::size_t number, const MetricsScenario& scenario, const Rows* recorded,
       std::int64_t start_ms)
      : layout_(HostLayout(number, scenario.series)),
        recorded_(recorded),
        series_(recorded != nullptr ? std::vector<MixedSeries>()
                                    : MakeMix(scenario.shares, scenario.series, number + 1)),
        random_(number),
        next_ms_(start_ms + static_cast<std::int64_t>(random_.Below(kSpacingMs))) {}

  Outgoing Next() {
    Outgoing outgoing;
    if (rounds_ == 0) outgoing.layout = EncodeLayout(*layout_);
    MetricRow row{.layout = layout_,
                  .time_ms = next_ms_ + static_cast<std::int64_t>(random_.Below(20))};
    if (recorded_ != nullptr) {
      row.values = (*recorded_)[rounds_];
    } else {
      row.values.reserve(series_.size());
      for (MixedSeries& series : series_) row.values.push_back(series.Next());
    }
    ++rounds_;
    next_ms_ += kSpacingMs;
    BatchContents contents;
    contents.metrics.push_back(std::move(row));
    outgoing.batch = EncodeBatch(contents, next_ms_);
    return outgoing;
  }
  std::size_t rounds() const { return rounds_; }

 private:
  std::shared_ptr<const Layout> layout_;
  const Rows* recorded_;
  std::vector<MixedSeries> series_;
  Random random_;
  std::int64_t next_ms_;
  std::size_t rounds_ = 0;
};

struct Costs {
  double samples = 0;
  double cpu_s = 0;
};

class MetricsRun {
 public:
  MetricsRun(const Place& place, const MetricsScenario& scenario)
      : scenario_(scenario), dir_(place.dir + "/" + scenario.name), server_(place.program, dir_) {
    if (scenario_.recording.empty()) return;
    recorded_ = ReadRecording(scenario_.recording);
    scenario_.rounds = recorded_.size();
    scenario_.series = recorded_.front().size();
  }

  void Go() {
    server_.Start();
    auto fleet = Connect();
    const std::uint64_t idle_memory = MemoryBytes(server_.pid(), "RssAnon");
    const double life_before = CpuSeconds(server_.pid());
    std::optional<MemoryWatch> watch(server_.pid());
    const Costs full = FullSpeed(*fleet);
    ReportMemory(idle_memory, *watch);
    const Costs steady = scenario_.steady_s > 0 ? Steady(*fleet) : Costs();
    watch.reset();
    fleet.reset();
    Step("stop, which flushes");
    const double flush_s = server_.Stop() - life_before - full.cpu_s - steady.cpu_s;
    const double samples = full.samples + steady.samples;
    Report("_cpu", (full.cpu_s / full.samples + flush_s / samples) * 1e6,
           fmt::format("of it {:.4f} until the last acknowledgement, {:.4f} at the stop",
                       full.cpu_s / full.samples * 1e6, flush_s / samples * 1e6));
    const auto disk = static_cast<double>(DiskBytes(server_.data_dir(), "m-"));
    Report("_bytes", disk / samples, fmt::format("{:.0f} MB on disk", disk / 1e6));
    if (scenario_.queries) Queries();
  }

 private:
  void Report(const std::string& key, double value, const std::string& text) {
    Figure(scenario_.name + key, value, text);
  }
  std::unique_ptr<Fleet> Connect() {
    Step(fmt::format("{}: {} agents enrol and connect", scenario_.name, scenario_.agents));
    for (std::size_t i = 0; i < scenario_.agents; ++i) {
      hosts_.emplace_back(i, scenario_, recorded_.empty() ? nullptr : &recorded_,
                          StartOfDataNs() / 1'000'000);
    }
    return std::make_unique<Fleet>(server_, scenario_.agents, dir_ + "/agents");
  }
  Costs Run(Fleet& fleet, std::size_t until_round, double batches_per_s, LoadResult* result) {
    const double before = CpuSeconds(server_.pid());
    *result = fleet.Run({.next = [&](std::size_t agent) -> std::optional<Outgoing> {
                           if (hosts_[agent].rounds() == until_round) return {};
                           return hosts_[agent].Next();
                         },
                         .batches_per_s = batches_per_s});
    return {.samples = static_cast<double>(result->batches * scenario_.series),
            .cpu_s = CpuSeconds(server_.pid()) - before};
  }
  Costs FullSpeed(Fleet& fleet) {
    Step(fmt::format("{} rounds of {} series each, as fast as acknowledged", scenario_.rounds,
                     scenario_.series));
    LoadResult result;
    const Costs costs = Run(fleet, scenario_.rounds, 0, &result);
    Report("_wire", static_cast<double>(result.wire_bytes) / costs.samples,
           fmt::format("{:.2f} M samples/s (wall, client beside it), {} told to wait",
                       costs.samples / 1e6 / result.seconds, result.retries));
    return costs;
  }
  void ReportMemory(std::uint64_t idle, const MemoryWatch& watch) {
    const auto series = static_cast<double>(scenario_.agents * scenario_.series);
    const double now = static_cast<double>(MemoryBytes(server_.pid(), "RssAnon"));
    Report("_memory", (now - static_cast<double>(idle)) / series,
           fmt::format("{:.0f} MB for {:.0f} series; idle with all connected {:.0f} MB", now / 1e6,
                       series, static_cast<double>(idle) / 1e6));
    PeakFigure(scenario_.name + "_peak", server_.pid(), watch);
  }
  Costs Steady(Fleet& fleet) {
    const double rate = static_cast<double>(scenario_.agents) / kSteadyIntervalS;
    const auto rounds = static_cast<std::size_t>(
        std::max(1.0, static_cast<double>(scenario_.steady_s) / kSteadyIntervalS));
    Step(fmt::format("{} rounds at {} s each", rounds, kSteadyIntervalS));
    LoadResult result;
    const Costs costs = Run(fleet, scenario_.rounds + rounds, rate, &result);
    const auto at = [&result](double share) {
      return result
          .ack_ms[static_cast<std::size_t>(share * static_cast<double>(result.ack_ms.size() - 1))];
    };
    Report("_steady_cpu", costs.cpu_s / costs.samples * 1e6,
           fmt::format("{:.2f} % of a core; acknowledged in {:.1f} ms (p50), {:.1f} ms (p99)",
                       costs.cpu_s / result.seconds * 100, at(0.5), at(0.99)));
    return costs;
  }
  void Queries() {
    Step("start again, ask");
    server_.Start();
    const std::int64_t start_s = StartOfDataNs() / kNsPerSecond;
    const std::int64_t end_s = start_s + static_cast<std::int64_t>(scenario_.rounds - 1) * 15;
    Report("_query_instant",
           QueryCpuMs(server_, "/api/v1/query",
                      {{"query", "node_load1"}, {"time", std::to_string(end_s)}},
                      "\"metric\":", scenario_.agents),
           fmt::format("one series of each of {} hosts", scenario_.agents));
    Report("_query_range",
           QueryCpuMs(server_, "/api/v1/query_range",
                      {{"query", fmt::format("node_load1{{instance=\"{}\"}}", HostInstance(5))},
                       {"start", std::to_string(end_s - 7200)},
                       {"end", std::to_string(end_s)},
                       {"step", "15"}},
                      "\"metric\":", 1),
           "one series, 481 points");
    server_.Stop();
  }

  MetricsScenario scenario_;
  Rows recorded_;
  const std::string dir_;
  AggregatorProcess server_;
  std::vector<Host> hosts_;
};

}  // namespace

void RunMetrics(const Place& place, const MetricsScenario& scenario) {
  MetricsRun(place, scenario).Go();
}

}  // namespace opssight::bench
