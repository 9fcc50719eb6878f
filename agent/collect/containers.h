// ContainerCollector makes a row for each container of a round (and for each systemd
// service, if asked), under cAdvisor's names, so that one that comes or goes changes one
// small layout. One that is gone ends with a row of stale markers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/collect/cgroup.h"
#include "agent/collect/cgroup_texts.h"
#include "agent/collect/host_files.h"
#include "agent/collect/options.h"
#include "agent/container/container_meta.h"
#include "agent/sink/sink.h"
#include "common/model/frame.h"

namespace opssight {

class ContainerCollector {
 public:
  // files and options outlive it.
  ContainerCollector(const HostOptions& options, HostFiles& files)
      : options_(options), files_(files) {}

  void Collect(std::int64_t wall_ms, Sink& sink);

 private:
  // Rounds in which the runtime may still write about a container that has begun.
  static constexpr std::uint64_t kMetaRounds = 5;

  struct Container {
    explicit Container(std::vector<Label> labels) : frame(std::move(labels)) {}
    FrameBuilder frame;
    std::uint64_t first_round = 0;
    std::uint64_t round = 0;
    bool meta_known = false;
    bool pod_member = false;   // Its network is the sandbox's.
    std::string pid;           // The process that stands for it.
    bool own_network = false;  // Of pid: not the host's.
    double start_s = 0;        // Of pid; 0: unknown.
  };

  Container& ContainerOf(const Cgroup& cgroup, std::int64_t wall_ms, Sink& sink);
  Container& Begin(const Cgroup& cgroup, const ContainerMeta* meta);
  void AddProcesses(const Cgroup& cgroup, Container& container);
  void LookAtProcess(Container& container);
  std::string NetworkOf(std::string_view pid) const;

  const HostOptions& options_;
  HostFiles& files_;
  CgroupVersion version_ = CgroupVersion::kNone;
  DeviceNames devices_;
  std::map<std::string, Container> containers_;  // By path of the cgroup.
  std::uint64_t round_ = 0;
};

}  // namespace opssight
