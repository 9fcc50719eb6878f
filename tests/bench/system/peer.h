// Servers that take Prometheus' remote write and answer its query API: ours, and those of
// Debian's packages beside it, as child processes with a folder each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace opssight::bench {

class Peer {
 public:
  using Query = std::vector<std::pair<std::string, std::string>>;

  virtual ~Peer() = default;
  virtual std::string name() const = 0;

  void Start();   // Ready to answer when it returns.
  double Stop();  // SIGTERM, and until it has ended. CPU-seconds of its life.
  // SIGKILL, then Start: the seconds until it is ready again.
  double KillAndStart();
  pid_t pid() const { return process_.pid(); }

  std::string write_url() const { return url() + "/api/v1/write"; }
  // The answer's body; anything but a 200 ends the benchmark. method: GET.
  std::string Ask(const std::string& path, Query query) const;
  // Bytes that the data takes once it has settled; the process runs before and after.
  virtual std::uint64_t SettledBytes() = 0;

 protected:
  explicit Peer(std::string dir);
  virtual std::vector<std::string> Command() const = 0;
  virtual std::string ready_path() const { return "/-/ready"; }
  virtual void Adjust(Query& /*query*/) const {}  // Before it is asked.
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  const std::string dir_;
  const int port_ = FreePort();
  Process process_;
};

// settings: more of aggregator.yaml.
std::unique_ptr<Peer> MakeOpsSight(std::string program, std::string dir,
                                   const std::string& settings = "");
std::unique_ptr<Peer> MakePrometheus(std::string program, std::string dir);
std::unique_ptr<Peer> MakeVictoriaMetrics(std::string program, std::string dir);

}  // namespace opssight::bench
