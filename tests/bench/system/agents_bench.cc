// A fleet of simulated agents against the real opssight-aggregator: CPU, bytes on disk,
// memory, and what queries cost. Started by tests/bench/run; README.md says what each
// figure means.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "tests/bench/metric_mix.h"
#include "tests/bench/system/scenarios.h"
#include "tests/support/temp_dir.h"

namespace opssight::bench {
namespace {

// A connection each, and the identities' files.
void RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  CLI::App app("Simulated agents against a real aggregator");
  Place place;
  std::vector<std::string> only;
  MetricsScenario fleet{.name = "fleet", .steady_s = 60, .shares = kHostMix};
  MetricsScenario hosts{.name = "hosts",
                        .agents = 200,
                        .series = 524,
                        .rounds = 481,
                        .shares = kHarshMix,
                        .queries = true};
  MetricsScenario recorded{.name = "recorded", .agents = 100};
  std::size_t log_mb = 1'000;
  std::size_t traces = 200'000;
  app.add_option("--aggregator", place.program, "The opssight-aggregator binary")->required();
  app.add_option("--only", only, "Scenarios: fleet, hosts, recorded, logs, traces (default: all)");
  app.add_option("--agents", fleet.agents, "Agents of the fleet")->capture_default_str();
  app.add_option("--series", fleet.series, "Series of each of them")->capture_default_str();
  app.add_option("--rounds", fleet.rounds, "Rounds of each of them")->capture_default_str();
  app.add_option("--steady", fleet.steady_s, "Seconds at a real pace")->capture_default_str();
  app.add_option("--hosts", hosts.agents, "Hosts of two hours")->capture_default_str();
  app.add_option("--recording", recorded.recording, "Scrapes that agent_bench recorded");
  app.add_option("--log-mb", log_mb, "Megabytes of log lines")->capture_default_str();
  app.add_option("--traces", traces, "Traces of 8 spans")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  RaiseFileLimit();
  const TempDir dir;
  place.dir = dir.path();
  const auto wanted = [&only](const std::string& name) {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  };
  if (wanted("fleet")) RunMetrics(place, fleet);
  if (wanted("hosts")) RunMetrics(place, hosts);
  if (wanted("recorded") && !recorded.recording.empty()) RunMetrics(place, recorded);
  if (wanted("logs")) RunLogs(place, log_mb);
  if (wanted("traces")) RunTraces(place, traces);
  return 0;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  return opssight::bench::Main(argc, argv);
}
