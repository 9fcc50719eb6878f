// HostCollector makes one round of a host's metrics: the host itself as one row, its
// devices (network, disks, file systems), which come and go, as another, the states of
// sockets as one that is not in every round, each container as a row of its own. What left with a
// round is followed by stale markers. Called with the time; it starts no thread and no timer. A
// source that fails is left out of the round, told in node_scrape_collector_success{collector} = 0,
// and the rest goes on; one that the kernel does not have is no failure.
//
// Cost: 70 files of /proc and 20 a network device, of which most are held open; about
// 20 a container. On a small host 0.4 ms of CPU and some 100 small allocations a round;
// each socket of the host adds about 1 us to a round that looks at sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collect/containers.h"
#include "agent/collect/host_calls.h"
#include "agent/collect/host_files.h"
#include "agent/collect/hwmon.h"
#include "agent/collect/options.h"
#include "agent/collect/proc_disk.h"
#include "agent/collect/proc_kernel.h"
#include "agent/collect/top_processes.h"
#include "agent/sink/sink.h"
#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

class HostCollector {
 public:
  explicit HostCollector(HostOptions options, HostCalls& calls = HostCalls::System());
  HostCollector(const HostCollector&) = delete;
  HostCollector& operator=(const HostCollector&) = delete;

  // Hands the round's rows to sink.
  void Collect(std::int64_t wall_ms, Sink& sink);

  std::size_t open_files() const { return files_.open_files(); }

 private:
  struct Part {
    std::string_view name;  // As node_exporter calls it.
    Status (*add)(HostCollector& self);
  };
  static const std::vector<Part>& Parts();

  using AddText = Status (*)(std::string_view, FrameBuilder&);
  Status AddFile(std::string_view path, AddText add, FrameBuilder& out);
  // As AddFile; nothing where there is no such file.
  Status AddOptional(std::string_view path, AddText add, FrameBuilder& out);
  void AddSingle(std::string_view path, std::string_view name);

  Status AddCpu();
  Status AddPressures();
  Status AddNetstats();
  Status AddSockets();
  Status AddConntrack();
  bool IsSocketRound() const;
  Status AddTcp();
  Status AddUdp();
  Status AddDisks();
  Status AddFilesystems();
  Status AddProcessCount();
  Status AddOs();
  Status AddUnameInfo();
  Status AddTime();
  Status AddClock();
  Status AddEntropy();

  const HostOptions options_;
  HostCalls& calls_;
  HostFiles files_;
  FrameBuilder host_;
  FrameBuilder devices_;
  FrameBuilder sockets_;
  FrameBuilder top_;
  CpuUsage cpu_;
  Hwmon hwmon_;
  TopProcesses processes_;
  ContainerCollector containers_;
  std::vector<Mount> mounts_;
  std::uint64_t mounts_hash_ = 0;  // Of the text that mounts_ is from.
  std::int64_t proc_links_ = -1;   // Links of /proc that are no process; below 0: not known.
  std::string zone_;
  std::int64_t wall_ms_ = 0;
  std::uint64_t round_ = 0;
};

}  // namespace opssight
