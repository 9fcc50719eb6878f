#include "tests/bench/system/peer.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include <fmt/core.h>

#include "tests/bench/system/servers.h"
#include "tests/support/http.h"

namespace opssight::bench {
namespace {

std::uint64_t TreeBytes(const std::string& dir) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir, error)) {
    struct stat info {};
    if (entry.is_regular_file(error) && stat(entry.path().c_str(), &info) == 0) {
      bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
  }
  return bytes;
}

class OpsSight final : public Peer {
 public:
  OpsSight(std::string program, std::string dir, const std::string& settings)
      : Peer(std::move(dir)), program_(std::move(program)) {
    std::ofstream(dir_ + "/aggregator.yaml") << fmt::format(
        "data_dir: {}/data\nlisten:\n  address: {}\nagents:\n  listen: 127.0.0.1:{}\n"
        "  names: [127.0.0.1]\n{}",
        dir_, address(), agents_port_, settings);
  }
  std::string name() const override { return "OpsSight"; }
  // A stop flushes; what the days take is what stays.
  std::uint64_t SettledBytes() override {
    Stop();
    const std::uint64_t bytes = DiskBytes(dir_ + "/data", "m-");
    Start();
    return bytes;
  }

 private:
  std::vector<std::string> Command() const override {
    return {program_, "--config", dir_ + "/aggregator.yaml"};
  }
  const std::string program_;
  const int agents_port_ = FreePort();
};

class Prometheus final : public Peer {
 public:
  Prometheus(std::string program, std::string dir)
      : Peer(std::move(dir)), program_(std::move(program)) {
    std::ofstream(dir_ + "/prometheus.yml") << "global: {}\n";
  }
  std::string name() const override { return "Prometheus"; }
  // A snapshot has the head as a block, which is what a head becomes in the end.
  std::uint64_t SettledBytes() override {
    const HttpAnswer answer = HttpPost(url() + "/api/v1/admin/tsdb/snapshot", "");
    if (answer.status != 200) Fail("prometheus: snapshot: " + answer.body);
    const std::string snapshots = dir_ + "/data/snapshots";
    const std::uint64_t bytes = TreeBytes(snapshots);
    std::filesystem::remove_all(snapshots);
    return bytes;
  }

 private:
  std::vector<std::string> Command() const override {
    return {program_,
            "--config.file=" + dir_ + "/prometheus.yml",
            "--storage.tsdb.path=" + dir_ + "/data",
            "--storage.tsdb.retention.time=60d",
            "--web.listen-address=" + address(),
            "--web.enable-remote-write-receiver",
            "--web.enable-admin-api",
            "--log.level=warn"};
  }
  const std::string program_;
};

class VictoriaMetrics final : public Peer {
 public:
  VictoriaMetrics(std::string program, std::string dir)
      : Peer(std::move(dir)), program_(std::move(program)) {}
  std::string name() const override { return "VictoriaMetrics"; }
  std::uint64_t SettledBytes() override {
    HttpGet(url() + "/internal/force_flush");
    HttpGet(url() + "/internal/force_merge");
    // It begins a little later and merges beside; a stop meanwhile would lose data.
    const auto merges = [&] {
      return MetricOf(HttpGet(url() + "/metrics").body, "vm_active_force_merges");
    };
    WaitFor(std::chrono::seconds(1), [&] { return merges() > 0; });
    if (!WaitFor(std::chrono::seconds(300), [&] { return merges() <= 0; })) {
      Fail("victoria-metrics: merges for ever");
    }
    Stop();
    const std::uint64_t bytes = TreeBytes(dir_ + "/data");
    Start();
    return bytes;
  }

 private:
  std::vector<std::string> Command() const override {
    return {program_, "-storageDataPath=" + dir_ + "/data", "-httpListenAddr=" + address(),
            "-retentionPeriod=60d", "-loggerLevel=ERROR",
            // Its defaults refuse to count a million series.
            "-search.maxUniqueTimeseries=5000000", "-search.maxQueryDuration=120s"};
  }
  std::string ready_path() const override { return "/health"; }
  // Its cache of results would answer all but the first of equal queries.
  void Adjust(Query& query) const override { query.emplace_back("nocache", "1"); }
  const std::string program_;
};

}  // namespace

Peer::Peer(std::string dir) : dir_(std::move(dir)) {
  std::filesystem::create_directories(dir_);
}

void Peer::Start() {
  auto process = Process::Start(Command(), {.output = dir_ + "/log"});
  if (!process) Fail(process.error().message);
  process_ = *std::move(process);
  const auto answers = [&] {
    return !process_.running() || HttpGet(url() + ready_path()).status == 200;
  };
  if (!WaitFor(std::chrono::seconds(300), answers) || !process_.running()) {
    Fail(name() + " does not answer; its log is " + dir_ + "/log");
  }
}

double Peer::Stop() {
  const double before = EndedChildrenCpuSeconds();
  process_.Signal(SIGTERM);
  process_.Wait();
  return EndedChildrenCpuSeconds() - before;
}

double Peer::KillAndStart() {
  process_.KillAndWait();
  const auto start = std::chrono::steady_clock::now();
  Start();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string Peer::Ask(const std::string& path, Query query) const {
  Adjust(query);
  std::string target = url() + path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    target += fmt::format("{}{}={}", separator, name, UrlEscape(value));
    separator = '&';
  }
  HttpAnswer answer = HttpGet(target);
  if (answer.status != 200) {
    Fail(fmt::format("{}: {}: {} {}", name(), target, answer.status, answer.body.substr(0, 400)));
  }
  return std::move(answer.body);
}

std::unique_ptr<Peer> MakeOpsSight(std::string program, std::string dir,
                                   const std::string& settings) {
  return std::make_unique<OpsSight>(std::move(program), std::move(dir), settings);
}
std::unique_ptr<Peer> MakePrometheus(std::string program, std::string dir) {
  return std::make_unique<Prometheus>(std::move(program), std::move(dir));
}
std::unique_ptr<Peer> MakeVictoriaMetrics(std::string program, std::string dir) {
  return std::make_unique<VictoriaMetrics>(std::move(program), std::move(dir));
}

}  // namespace opssight::bench
