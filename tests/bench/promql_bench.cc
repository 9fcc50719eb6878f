// PromQL over series in memory: CPU of queries that dashboards make, the engine's own share
// beside what the source takes to hand the series over. 200 hosts x 8 cpus x 8 modes, 2 h at
// 15 s.
//
//   promql_bench [hosts=200] [threads=1]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aggregator/promql/engine/engine.h"

namespace opssight::bench {
namespace {

constexpr std::int64_t kStartMs = 1'700'000'000'000;
constexpr std::int64_t kStepMs = 15'000;
constexpr int kSteps = 480;

double CpuMs() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// All series of one metric, copied out as a store decodes them.
class Cpus final : public SeriesSource {
 public:
  explicit Cpus(int hosts) {
    constexpr const char* kModes[] = {"idle",    "iowait", "irq",    "nice",
                                      "softirq", "steal",  "system", "user"};
    for (int host = 0; host < hosts; ++host) {
      for (int cpu = 0; cpu < 8; ++cpu) {
        for (int mode = 0; mode < 8; ++mode) {
          Add(Labels{{"__name__", "node_cpu_seconds_total"},
                     {"cpu", std::to_string(cpu)},
                     {"instance", "10.1.2." + std::to_string(host) + ":9100"},
                     {"job", "node"},
                     {"mode", kModes[mode]}},
              host * 37 % kStepMs, 0.01 * (1 + mode + cpu));
        }
      }
    }
  }

  Result<std::vector<Series>> Select(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                     const QueryLimits&) const override {
    const double before = CpuMs();
    std::vector<Series> copy = all_;
    spent_ms += CpuMs() - before;
    return copy;
  }
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                           const QueryLimits&) const override {
    return std::vector<Labels>();
  }

  mutable double spent_ms = 0;

 private:
  void Add(Labels labels, std::int64_t phase_ms, double rate) {
    Series series = {.labels = std::move(labels)};
    double value = 0;
    for (int i = 0; i <= kSteps + 20; ++i) {
      value += rate * static_cast<double>(1 + i % 7);
      series.samples.push_back(
          {.time_ms = kStartMs - 20 * kStepMs + i * kStepMs + phase_ms, .value = value});
    }
    all_.push_back(std::move(series));
  }

  std::vector<Series> all_;
};

void Measure(const promql::Engine& engine, const Cpus& source, const char* text) {
  double best_ms = 1e9;
  double source_ms = 0;
  std::size_t series = 0;
  promql::QueryStats stats;
  for (int round = 0; round < 7; ++round) {
    source.spent_ms = 0;
    const double before = CpuMs();
    const auto result = engine.Run(source, {.text = text,
                                            .start_ms = kStartMs,
                                            .end_ms = kStartMs + kSteps * kStepMs,
                                            .step_ms = kStepMs});
    const double spent_ms = CpuMs() - before - source.spent_ms;
    if (!result.has_value()) {
      std::printf("%s: %s\n", text, result.error().message.c_str());
      return;
    }
    if (spent_ms < best_ms) {
      best_ms = spent_ms;
      source_ms = source.spent_ms;
    }
    series = std::get<promql::MatrixResult>(result->value).series.size();
    stats = result->stats;
  }
  std::printf("%-64s engine %7.1f ms, source %6.1f ms; %zu series, %.1fM samples at most\n", text,
              best_ms, source_ms, series, static_cast<double>(stats.samples_peak) / 1e6);
}

void Run(int hosts, unsigned threads) {
  promql::EngineOptions options;
  options.threads = threads;
  const promql::Engine engine(options);
  const Cpus source(hosts);
  for (const char* text :
       {"sum by (instance) (rate(node_cpu_seconds_total[5m]))",
        "avg without (cpu) (rate(node_cpu_seconds_total[5m]))", "sum(node_cpu_seconds_total)",
        "max by (instance) (node_cpu_seconds_total * 2 > 1)",
        "topk(5, sum by (instance) (rate(node_cpu_seconds_total[5m])))",
        "avg_over_time(node_cpu_seconds_total[5m])",
        "node_cpu_seconds_total / on (instance, cpu) group_left sum by (instance, cpu) "
        "(node_cpu_seconds_total)",
        "quantile by (mode) (0.9, irate(node_cpu_seconds_total[5m]))"}) {
    Measure(engine, source, text);
  }
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  opssight::bench::Run(argc > 1 ? std::atoi(argv[1]) : 200,
                       argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  return 0;
}
