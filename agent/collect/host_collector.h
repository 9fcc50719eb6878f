// HostCollector makes one round of a host's metrics: the host itself as one row,
// each container as a row of its own (so that a container that comes or goes
// changes one small layout, not the host's). Called with the time; it starts no
// thread and no timer. A source that fails is left out of the round, counted in
// node_scrape_collector_success{collector} = 0, and the rest goes on.
//
// Cost: about 25 files a round plus 10 a container, all in /proc, /sys and cgroupfs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/cgroup.h"
#include "agent/collect/host_files.h"
#include "agent/collect/proc.h"
#include "agent/sink/sink.h"
#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

struct HostOptions {
  std::string host_root;             // "" or where the host's / is mounted.
  std::string host;                  // The `host` label of every series.
  std::vector<Label> labels;         // Also on every series that has none of that name.
  std::size_t cgroups_max = 20'000;  // Directories looked at for containers in a round.
  std::size_t processes_top = 0;     // Processes by CPU and by memory, each; 0: off.
};

class HostCollector {
 public:
  explicit HostCollector(HostOptions options);

  // Hands the round's rows to sink.
  void Collect(std::int64_t wall_ms, Sink& sink);

 private:
  struct Part {
    std::string_view name;
    std::function<Status()> add;
  };
  struct Process {
    double cpu_s = 0;
    std::uint64_t round = 0;
  };

  std::vector<Label> Common(std::vector<Label> own) const;
  Status AddFile(std::string_view path, Status (*add)(std::string_view, FrameBuilder&));
  Status AddPressures();
  Status AddTcp();
  Status AddFilesystems();
  Status AddProcesses();
  Status AddHwmon();
  Status AddTimex();
  void AddTop(const std::vector<std::string>& pids);
  void CollectContainers(std::int64_t wall_ms, Sink& sink);

  const HostOptions options_;
  HostFiles files_;
  FrameBuilder host_;
  FrameBuilder top_;  // The leading processes: a layout that changes often, so one of its own.
  std::vector<Part> parts_;
  CpuUsage cpu_;
  struct Container {
    FrameBuilder frame;
    std::uint64_t round = 0;
  };
  std::map<std::string, Container> containers_;
  std::map<std::string, Process> processes_;  // By pid and start time.
  std::uint64_t round_ = 0;
};

}  // namespace opssight
