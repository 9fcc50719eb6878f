// The real programs as child processes with a folder each, and what they cost:
// CPU from the kernel's clock of the process (utime + stime, in ns), memory from
// /proc/<pid>/status, bytes on disk. Wrong set-up ends the benchmark with a message; its
// folder in $TMPDIR then stays, for the logs in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace opssight::bench {

[[noreturn]] void Fail(const std::string& message);

double CpuSeconds(pid_t pid);
// CPU of all child processes that have ended and been waited for.
double EndedChildrenCpuSeconds();
// VmRSS, VmHWM, RssAnon, … in bytes.
std::uint64_t MemoryBytes(pid_t pid, const std::string& field);
// Blocks that the files of a folder take, of names that begin with prefix.
std::uint64_t DiskBytes(const std::string& dir, const std::string& prefix);

// One figure for the table of `run`: a line "figure<TAB>key<TAB>value<TAB>text".
void Figure(const std::string& key, double value, const std::string& text);

// opssight-aggregator on ports of its own.
class AggregatorProcess {
 public:
  // program: path of the binary. dir: made, and its data kept between Start()s.
  AggregatorProcess(std::string program, std::string dir);

  void Start();  // Ready to answer when it returns.
  // SIGTERM, and until it has ended: everything is then in the day files. CPU-seconds
  // of its life.
  double Stop();

  struct Token {
    std::string token;
    std::string ca_pin;
  };
  Token MakeToken(std::size_t uses);

  pid_t pid() const { return process_.pid(); }
  std::string data_dir() const { return dir_ + "/data"; }
  std::string agents_address() const;
  // The answer's body; anything but a 200 ends the benchmark.
  std::string Get(const std::string& path,
                  const std::vector<std::pair<std::string, std::string>>& query);
  // The value of one of its own series, by its name and labels as /metrics prints them.
  double OwnMetric(const std::string& series);

 private:
  const std::string program_;
  const std::string dir_;
  const int http_port_ = FreePort();
  const int agents_port_ = FreePort();
  Process process_;
};

// A line of Prometheus text, "name{labels} value"; negative where there is none.
double MetricOf(const std::string& text, const std::string& series);

}  // namespace opssight::bench
