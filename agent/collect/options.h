// What the collector of host and container metrics may be told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/model/labels.h"

namespace opssight {

struct HostOptions {
  std::string host_root;      // "" or where the host's / is mounted.
  std::string host;           // The labels `host` and `instance` of every series.
  std::vector<Label> labels;  // Also on every series that has none of that name.
  // The label `job`, by which public dashboards select: node_exporter's, and cAdvisor's.
  std::string host_job = "node";
  std::string container_job = "cadvisor";
  std::size_t cgroups_max = 20'000;  // Directories looked at for containers in a round.
  bool services = false;             // Also the control groups of systemd's services.
  // TCP states and UDP queues are a row at every so manieth round, as the kernel walks its
  // whole table of sockets for them; 0: off.
  std::uint64_t socket_rounds = 6;
  std::size_t processes_top = 0;  // Processes by CPU and by memory, each; 0: off.
  // Also the size of file systems whose server or program may not answer (NFS, CIFS,
  // FUSE, …). The agent waits for such an answer, with all else it does.
  bool remote_filesystems = false;
  std::size_t mounts_max = 1'000;  // File systems of a host; what is over it is left out.
};

// labels and own, of which own win where both have a name.
std::vector<Label> WithOwn(const std::vector<Label>& labels, const std::vector<Label>& own);

}  // namespace opssight
