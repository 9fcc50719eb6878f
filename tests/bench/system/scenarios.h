// What agents_bench does, one call a scenario: each has an aggregator of its own with an
// empty folder, loads it, stops it (which flushes), counts the bytes on disk, starts it
// again and asks. Figures go to stdout (Figure), steps to stderr.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/system/servers.h"

namespace opssight::bench {

struct Place {
  std::string program;  // opssight-aggregator.
  std::string dir;      // Scenarios make a folder each in it.
};

struct MetricsScenario {
  std::string name;  // Of the folder, and what keys of figures begin with.
  std::size_t agents = 1000;
  std::size_t series = 500;
  std::size_t rounds = 60;
  std::size_t steady_s = 0;          // Then also at the pace of real agents, 10 s a round.
  std::array<unsigned, 8> shares{};  // metric_mix.h.
  std::string recording;             // Instead: agent_bench's file; rounds and series are its.
  bool queries = false;              // Needs rounds for two hours.
};
void RunMetrics(const Place& place, const MetricsScenario& scenario);
void RunLogs(const Place& place, std::size_t megabytes);
void RunTraces(const Place& place, std::size_t traces);

// ---- for the scenarios

void Step(const std::string& what);

// Yesterday 10:00 UTC: whole hours of data stay within one day and its retention.
std::int64_t StartOfDataNs();

// Most anonymous memory of a process while this lives. (Resident memory also counts
// pages of mapped files, which the kernel takes back when it needs them.) The process
// outlives it.
class MemoryWatch {
 public:
  explicit MemoryWatch(pid_t pid);
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;
  std::uint64_t peak() const { return peak_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> peak_{0};
  std::thread thread_;
};

// The peak of resident memory in MB, and what of it was anonymous.
void PeakFigure(const std::string& key, pid_t pid, const MemoryWatch& watch);

using Query = std::vector<std::pair<std::string, std::string>>;

// CPU-milliseconds of the server for one query, on average of 20, the first one after
// its start included. Ends the benchmark unless text stands count times in the answer.
double QueryCpuMs(AggregatorProcess& server, const std::string& path, const Query& query,
                  const std::string& text, std::size_t count);

}  // namespace opssight::bench
