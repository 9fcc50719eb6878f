#include "tests/bench/system/agent_process.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/text/time.h"
#include "tests/bench/system/corpus.h"
#include "tests/support/http.h"

namespace opssight::bench {
namespace {

const std::string kContainer(64, 'b');

std::string DockerRecord(const std::string& line, std::int64_t time_ns) {
  std::string escaped;
  for (const char c : line) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return fmt::format(R"({{"log":"{}\n","stream":"stdout","time":"{}"}})"
                     "\n",
                     escaped, FormatRfc3339Ns(time_ns));
}

}  // namespace

AgentProcess::AgentProcess(std::string program, std::string dir,
                           const std::string& collect_interval)
    : program_(std::move(program)),
      dir_(std::move(dir)),
      host_(std::filesystem::path(dir_).filename().string()) {
  std::filesystem::create_directories(dir_ + "/containers/" + kContainer);
  std::ofstream(dir_ + "/agent.yaml") << fmt::format(
      "data_dir: {0}/data\n"
      "host: {1}\n"
      "collect:\n  interval: {2}\n"
      "tail:\n  docker: [\"{0}/containers/*/*-json.log\"]\n"
      "  pods: []\n  podman: []\n"
      "otlp:\n  grpc:\n    listen: 127.0.0.1:{3}\n"
      "  http:\n    listen: 127.0.0.1:{4}\n",
      dir_, host_, collect_interval, grpc_port_, http_port_);
}

std::string AgentProcess::ContainerLog() const {
  return fmt::format("{0}/containers/{1}/{1}-json.log", dir_, kContainer);
}

double AgentProcess::OwnMetric(const std::string& series) const {
  return MetricOf(HttpGet(fmt::format("http://127.0.0.1:{}/metrics", http_port_)).body, series);
}

void AgentProcess::Start(AggregatorProcess& aggregator) {
  const AggregatorProcess::Token token = aggregator.MakeToken(1);
  const auto enrolled =
      Run({program_, "--config", dir_ + "/agent.yaml", "enrol", "--aggregator",
           aggregator.agents_address(), "--token", token.token, "--ca-pin", token.ca_pin});
  if (!enrolled) Fail(enrolled.error().message);
  auto process =
      Process::Start({program_, "--config", dir_ + "/agent.yaml"}, {.output = dir_ + "/log"});
  if (!process) Fail(process.error().message);
  process_ = *std::move(process);
  const auto connected = [this] {
    return !process_.running() || OwnMetric("opssight_ship_connected") == 1;
  };
  if (!WaitFor(std::chrono::seconds(60), connected) || !process_.running()) {
    Fail("the agent does not connect; its log is " + dir_ + "/log");
  }
}

void AgentProcess::Stop() {
  process_.Signal(SIGTERM);
  if (process_.Wait() != 0) Fail("the agent ended badly; its log is " + dir_ + "/log");
}

void NodeExporter::Start(const std::string& program, const std::string& dir) {
  auto process = Process::Start({program, fmt::format("--web.listen-address=127.0.0.1:{}", port_)},
                                {.output = dir + "/node-exporter.log"});
  if (!process) Fail(process.error().message);
  process_ = *std::move(process);
  if (!WaitFor(std::chrono::seconds(30), [this] { return !Scrape().empty(); })) {
    Fail("prometheus-node-exporter does not answer; its log is " + dir + "/node-exporter.log");
  }
}

std::string NodeExporter::Scrape() const {
  HttpAnswer answer = HttpGet(fmt::format("http://127.0.0.1:{}/metrics", port_));
  return answer.status == 200 ? std::move(answer.body) : "";
}

std::size_t WriteContainerLog(const std::string& path, double bytes_per_s, double seconds) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  LogLines lines(1);
  std::size_t written = 0;
  const auto start = std::chrono::steady_clock::now();
  const auto total = static_cast<std::size_t>(bytes_per_s * seconds);
  while (written < total) {
    const std::chrono::duration<double> past = std::chrono::steady_clock::now() - start;
    const auto due = static_cast<std::size_t>(past.count() * bytes_per_s);
    const std::int64_t now_ns = Clock::System().WallNs();
    std::string records;
    while (written + records.size() < std::min(due, total)) {
      records += DockerRecord(lines.Next(now_ns), now_ns);
    }
    file << records << std::flush;
    written += records.size();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return written;
}

}  // namespace opssight::bench
