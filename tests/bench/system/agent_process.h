// opssight-agent as a child process, enrolled with an AggregatorProcess, and files that
// grow at a given pace for it to tail.
#pragma once

#include <cstddef>
#include <string>

#include "tests/bench/system/servers.h"

namespace opssight::bench {

class AgentProcess {
 public:
  // collect_interval: as in agent.yaml, "10s". Tails <dir>/containers as Docker's folder.
  AgentProcess(std::string program, std::string dir, const std::string& collect_interval);

  // Enrols, starts, waits until it is connected.
  void Start(AggregatorProcess& aggregator);
  void Stop();
  pid_t pid() const { return process_.pid(); }
  const std::string& host() const { return host_; }
  std::string ContainerLog() const;                   // Path; its folder is there.
  double OwnMetric(const std::string& series) const;  // Negative: none.

 private:
  const std::string program_;
  const std::string dir_;
  const std::string host_;
  const int grpc_port_ = FreePort();
  const int http_port_ = FreePort();
  Process process_;
};

// prometheus-node-exporter, scraped over HTTP.
class NodeExporter {
 public:
  void Start(const std::string& program, const std::string& dir);
  std::string Scrape() const;
  pid_t pid() const { return process_.pid(); }

 private:
  const int port_ = FreePort();
  Process process_;
};

// Appends Docker json-file records of JSON lines at so many bytes a second for some
// seconds; the bytes written.
std::size_t WriteContainerLog(const std::string& path, double bytes_per_s, double seconds);

}  // namespace opssight::bench
