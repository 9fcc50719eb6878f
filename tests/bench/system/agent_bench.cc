// The real opssight-agent beside prometheus-node-exporter on this host, and tailing a
// file that grows, with the real aggregator behind it. Started by tests/bench/run;
// README.md says what each figure means.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/bytes/endian.h"
#include "tests/bench/system/agent_process.h"
#include "tests/bench/system/scenarios.h"
#include "tests/support/http.h"
#include "tests/support/temp_dir.h"

namespace opssight::bench {
namespace {

struct Options {
  std::string aggregator;
  std::string agent;
  std::string node_exporter = "prometheus-node-exporter";
  std::string recording;  // File for the scrapes; "": none.
  int interval_s = 10;
  int rounds = 60;
  int idle_s = 120;
  int tail_s = 30;
};

std::vector<std::pair<std::string, double>> Samples(const std::string& text) {
  std::vector<std::pair<std::string, double>> samples;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const std::size_t space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string::npos) continue;
    samples.emplace_back(line.substr(0, space), std::strtod(line.c_str() + space + 1, nullptr));
  }
  return samples;
}

// Scrapes as chunk_bench reads them: u32 series, then rows of an i64 time and a double
// for each series of the first scrape.
class Recording {
 public:
  explicit Recording(const std::string& path) : path_(path) {}
  void Add(const std::vector<std::pair<std::string, double>>& scrape) {
    if (columns_.empty()) {
      for (const auto& [name, value] : scrape) columns_.emplace(name, columns_.size());
      last_.resize(columns_.size());
      PutLe(bytes_, static_cast<std::uint32_t>(columns_.size()));
    }
    for (const auto& [name, value] : scrape) {
      const auto column = columns_.find(name);
      if (column != columns_.end()) last_[column->second] = value;
    }
    PutLe(bytes_, Clock::System().WallNs() / 1'000'000);
    for (const double value : last_) PutLe(bytes_, value);
  }
  void Save() const {
    if (!path_.empty()) std::ofstream(path_, std::ios::binary) << bytes_;
  }

 private:
  const std::string path_;
  std::map<std::string, std::size_t> columns_;
  std::vector<double> last_;
  std::string bytes_;
};

std::string Memory(pid_t pid) {
  return fmt::format("resident {:.1f} MB, at most {:.1f} MB, anonymous {:.1f} MB",
                     static_cast<double>(MemoryBytes(pid, "VmRSS")) / 1e6,
                     static_cast<double>(MemoryBytes(pid, "VmHWM")) / 1e6,
                     static_cast<double>(MemoryBytes(pid, "RssAnon")) / 1e6);
}

std::size_t SeriesOf(AggregatorProcess& server, const std::string& host) {
  const std::string body = server.Get("/api/v1/series", {{"match[]", "{host=\"" + host + "\"}"}});
  std::size_t count = 0;
  for (std::size_t at = body.find("\"__name__\""); at != std::string::npos;
       at = body.find("\"__name__\"", at + 1)) {
    ++count;
  }
  return count;
}

class AgentBench {
 public:
  explicit AgentBench(Options options)
      : options_(std::move(options)), server_(options_.aggregator, dir_ / "aggregator") {}

  void Go() {
    server_.Start();
    Rounds();
    Idle();
    for (const int rate : {5, 20}) Tail(rate);
    server_.Stop();
  }

 private:
  // Both at the same interval over the same time.
  void Rounds() {
    Step(fmt::format("host metrics: {} rounds, {} s apart, agent and node_exporter",
                     options_.rounds, options_.interval_s));
    AgentProcess agent(options_.agent, dir_ / "rounds", fmt::format("{}s", options_.interval_s));
    agent.Start(server_);
    NodeExporter peer;
    peer.Start(options_.node_exporter, dir_.path());
    Recording recording(options_.recording);
    const auto interval = std::chrono::seconds(options_.interval_s);
    for (int i = 0; i < 3; ++i) {  // The first ones find and open things.
      std::this_thread::sleep_for(interval);
      peer.Scrape();
    }
    const double agent_before = CpuSeconds(agent.pid());
    const double peer_before = CpuSeconds(peer.pid());
    std::size_t peer_series = 0;
    auto next = std::chrono::steady_clock::now();
    for (int i = 0; i < options_.rounds; ++i) {
      next += interval;
      std::this_thread::sleep_until(next);
      const auto scrape = Samples(peer.Scrape());
      peer_series = scrape.size();
      recording.Add(scrape);
    }
    const double agent_ms = (CpuSeconds(agent.pid()) - agent_before) * 1e3 / options_.rounds;
    const double peer_ms = (CpuSeconds(peer.pid()) - peer_before) * 1e3 / options_.rounds;
    recording.Save();
    Figure("agent_round_cpu", agent_ms,
           fmt::format("{} series, {} s apart, {:.3f} % of a core in all; node_exporter here: "
                       "{:.2f} ms a scrape of {} series",
                       SeriesOf(server_, agent.host()), options_.interval_s,
                       agent_ms / 10 / options_.interval_s, peer_ms, peer_series));
    Figure("agent_round_memory", static_cast<double>(MemoryBytes(agent.pid(), "VmRSS")) / 1e6,
           fmt::format("{}; node_exporter here: {}", Memory(agent.pid()), Memory(peer.pid())));
    agent.Stop();
  }

  void Idle() {
    Step(fmt::format("idle with logs and OTLP on, {} s", options_.idle_s));
    AgentProcess agent(options_.agent, dir_ / "idle", "1h");
    WriteContainerLog(agent.ContainerLog(), 1e5, 0.1);
    agent.Start(server_);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const double before = CpuSeconds(agent.pid());
    std::this_thread::sleep_for(std::chrono::seconds(options_.idle_s));
    Figure("agent_idle_cpu", (CpuSeconds(agent.pid()) - before) * 100 / options_.idle_s,
           "% of a core, host metrics off");
    Figure("agent_idle_memory", static_cast<double>(MemoryBytes(agent.pid(), "VmRSS")) / 1e6,
           Memory(agent.pid()));
    agent.Stop();
  }

  void Tail(int megabytes_per_s) {
    Step(fmt::format("tail a container's log that grows {} MB/s, {} s", megabytes_per_s,
                     options_.tail_s));
    AgentProcess agent(options_.agent, dir_ / fmt::format("tail{}", megabytes_per_s), "1h");
    agent.Start(server_);
    const double before = CpuSeconds(agent.pid());
    const auto start = std::chrono::steady_clock::now();
    const auto bytes = static_cast<double>(
        WriteContainerLog(agent.ContainerLog(), megabytes_per_s * 1e6, options_.tail_s));
    const std::chrono::duration<double> writing = std::chrono::steady_clock::now() - start;
    if (!WaitFor(std::chrono::seconds(120), [&] {
          return agent.OwnMetric("opssight_tail_bytes_total") >= bytes &&
                 agent.OwnMetric("opssight_batch_channel_bytes") == 0 &&
                 agent.OwnMetric("opssight_spool_batches") == 0;
        })) {
      Fail("the agent does not keep up with the file");
    }
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
    const std::string key = fmt::format("agent_tail{}", megabytes_per_s);
    Figure(key + "_cpu", (CpuSeconds(agent.pid()) - before) / bytes * 1e9,
           fmt::format("{:.0f} MB at {:.1f} MB/s, all acknowledged {:.1f} s after the last write",
                       bytes / 1e6, bytes / 1e6 / writing.count(), all.count() - writing.count()));
    Figure(key + "_memory", static_cast<double>(MemoryBytes(agent.pid(), "VmHWM")) / 1e6,
           Memory(agent.pid()));
    agent.Stop();
  }

  const Options options_;
  const TempDir dir_;
  AggregatorProcess server_;
};

int Main(int argc, char** argv) {
  CLI::App app("The real agent beside its peers");
  Options options;
  app.add_option("--aggregator", options.aggregator, "The opssight-aggregator binary")->required();
  app.add_option("--agent", options.agent, "The opssight-agent binary")->required();
  app.add_option("--node-exporter", options.node_exporter, "Its binary")->capture_default_str();
  app.add_option("--recording", options.recording, "Write node_exporter's scrapes here");
  app.add_option("--interval", options.interval_s, "Seconds between rounds")->capture_default_str();
  app.add_option("--rounds", options.rounds, "Rounds")->capture_default_str();
  app.add_option("--idle", options.idle_s, "Seconds of idling")->capture_default_str();
  app.add_option("--tail", options.tail_s, "Seconds of tailing, each rate")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  AgentBench(std::move(options)).Go();
  return 0;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  return opssight::bench::Main(argc, argv);
}
