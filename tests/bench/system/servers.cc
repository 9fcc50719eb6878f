#include "tests/bench/system/servers.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <system_error>

#include <fmt/core.h>

#include "tests/support/http.h"

namespace opssight::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// The word that follows name.
std::string After(const std::string& text, const std::string& name) {
  const std::size_t at = text.find(name + " ");
  if (at == std::string::npos) Fail("no " + name + " in: " + text);
  const std::size_t from = at + name.size() + 1;
  return text.substr(from, text.find_first_of(" \n", from) - from);
}

}  // namespace

void Fail(const std::string& message) {
  std::fprintf(stderr, "bench: %s\n", message.c_str());
  std::fflush(nullptr);
  std::_Exit(1);  // Other threads run.
}

double CpuSeconds(pid_t pid) {
  clockid_t clock = 0;
  timespec now{};
  if (const int error = clock_getcpuclockid(pid, &clock);
      error != 0 || clock_gettime(clock, &now) != 0) {
    Fail(fmt::format("no CPU clock of process {}", pid));
  }
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double EndedChildrenCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

std::uint64_t MemoryBytes(pid_t pid, const std::string& field) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(field + ":", 0) == 0) {
      return std::strtoull(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
    }
  }
  Fail(fmt::format("no {} of process {}: it has ended", field, pid));
}

std::uint64_t DiskBytes(const std::string& dir, const std::string& prefix) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    struct stat info {};
    if (entry.path().filename().string().rfind(prefix, 0) == 0 &&
        stat(entry.path().c_str(), &info) == 0) {
      bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
  }
  return bytes;
}

void Figure(const std::string& key, double value, const std::string& text) {
  std::printf("figure\t%s\t%.6g\t%s\n", key.c_str(), value, text.c_str());
  std::fflush(stdout);
}

double MetricOf(const std::string& text, const std::string& series) {
  const std::size_t at = ("\n" + text).find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + series.size() + 1, nullptr);
}

AggregatorProcess::AggregatorProcess(std::string program, std::string dir)
    : program_(std::move(program)), dir_(std::move(dir)) {
  std::filesystem::create_directories(dir_);
  std::ofstream(dir_ + "/aggregator.yaml") << fmt::format(
      "data_dir: {}\n"
      "listen:\n  address: 127.0.0.1:{}\n"
      "agents:\n  listen: 127.0.0.1:{}\n  names: [127.0.0.1]\n",
      data_dir(), http_port_, agents_port_);
}

std::string AggregatorProcess::agents_address() const {
  return fmt::format("127.0.0.1:{}", agents_port_);
}

void AggregatorProcess::Start() {
  auto process =
      Process::Start({program_, "--config", dir_ + "/aggregator.yaml"}, {.output = dir_ + "/log"});
  if (!process) Fail(process.error().message);
  process_ = *std::move(process);
  const std::string url = fmt::format("http://127.0.0.1:{}/-/ready", http_port_);
  const auto answers = [&] { return !process_.running() || HttpGet(url).status == 200; };
  if (!WaitFor(std::chrono::seconds(120), answers) || !process_.running()) {
    Fail("the aggregator does not answer; its log is " + dir_ + "/log");
  }
}

double AggregatorProcess::Stop() {
  const double before = EndedChildrenCpuSeconds();
  process_.Signal(SIGTERM);
  if (const int status = process_.Wait(); status != 0) {
    Fail(fmt::format("the aggregator ended with status {}; its log is {}/log", status, dir_));
  }
  return EndedChildrenCpuSeconds() - before;
}

AggregatorProcess::Token AggregatorProcess::MakeToken(std::size_t uses) {
  const auto line = Run({program_, "--config", dir_ + "/aggregator.yaml", "token", "create",
                         "--ttl", "1h", "--uses", std::to_string(uses)});
  if (!line) Fail(line.error().message);
  return {.token = After(*line, "--token"), .ca_pin = After(*line, "--ca-pin")};
}

std::string AggregatorProcess::Get(const std::string& path,
                                   const std::vector<std::pair<std::string, std::string>>& query) {
  std::string url = fmt::format("http://127.0.0.1:{}{}", http_port_, path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    url += fmt::format("{}{}={}", separator, name, UrlEscape(value));
    separator = '&';
  }
  HttpAnswer answer = HttpGet(url);
  if (answer.status != 200) {
    Fail(fmt::format("{}: {} {}", url, answer.status, answer.body.substr(0, 400)));
  }
  return std::move(answer.body);
}

double AggregatorProcess::OwnMetric(const std::string& series) {
  return MetricOf(Get("/metrics", {}), series);
}

}  // namespace opssight::bench
