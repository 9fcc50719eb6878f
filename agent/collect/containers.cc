#include "agent/collect/containers.h"

#include <array>
#include <unistd.h>
#include <utility>

#include "agent/collect/cgroup_read.h"
#include "agent/collect/container_lookup.h"
#include "agent/collect/proc_net.h"
#include "agent/collect/send.h"
#include "agent/collect/top_processes.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::size_t kShortId = 12;  // As docker ps prints it.

std::vector<Label> OwnLabels(const Cgroup& cgroup, const ContainerMeta* meta) {
  std::vector<Label> own = {{"id", cgroup.path}};
  if (!cgroup.service.empty()) {
    own.push_back({"service", cgroup.service});
    return own;
  }
  const std::string short_id = cgroup.id.substr(0, kShortId);
  own.push_back({"container_id", short_id});
  own.push_back({"name", meta != nullptr && !meta->name.empty() ? meta->name : short_id});
  if (meta == nullptr) return own;
  own.push_back({"image", meta->image});
  if (meta->pod.empty()) return own;
  own.push_back({"pod", meta->pod});
  own.push_back({"namespace", meta->pod_namespace});
  if (!meta->sandbox) own.push_back({"container", meta->name});
  return own;
}

}  // namespace

ContainerCollector::Container& ContainerCollector::Begin(const Cgroup& cgroup,
                                                         const ContainerMeta* meta) {
  std::vector<Label> labels = WithOwn(
      options_.labels,
      {{"host", options_.host}, {"instance", options_.host}, {"job", options_.container_job}});
  Container& container =
      containers_.try_emplace(cgroup.path, WithOwn(labels, OwnLabels(cgroup, meta))).first->second;
  container.first_round = round_;
  container.meta_known = meta != nullptr || cgroup.id.empty();
  container.pod_member = meta != nullptr && !meta->pod.empty() && !meta->sandbox;
  return container;
}

ContainerCollector::Container& ContainerCollector::ContainerOf(const Cgroup& cgroup,
                                                               std::int64_t wall_ms, Sink& sink) {
  const auto it = containers_.find(cgroup.path);
  if (it != containers_.end() &&
      (it->second.meta_known || round_ - it->second.first_round > kMetaRounds)) {
    return it->second;
  }
  const auto meta = cgroup.id.empty() ? std::nullopt : FindContainerMeta(files_, cgroup.id);
  if (it == containers_.end()) return Begin(cgroup, meta ? &*meta : nullptr);
  if (!meta) return it->second;
  RetireFrame(it->second.frame, wall_ms, sink);  // Its series go on under its name.
  containers_.erase(it);
  return Begin(cgroup, &*meta);
}

std::string ContainerCollector::NetworkOf(std::string_view pid) const {
  const std::string link = files_.Path(std::string("/proc/").append(pid).append("/ns/net"));
  std::array<char, 64> target{};
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  return size <= 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

void ContainerCollector::LookAtProcess(Container& container) {
  const std::string network = NetworkOf(container.pid);
  container.own_network = !network.empty() && network != NetworkOf("1");
  container.start_s = 0;
  ProcessStat stat;
  const auto text = files_.ReadOnce("/proc/" + container.pid, "stat");
  if (!text || !ParseProcessStat(*text, stat)) return;
  const auto host = files_.Read("/proc/stat");
  const double boot_s = host ? KeyedNumber(*host, "btime") : 0;
  constexpr double kUserHz = 100;
  if (boot_s > 0) container.start_s = boot_s + stat.start_ticks / kUserHz;
}

void ContainerCollector::AddProcesses(const Cgroup& cgroup, Container& container) {
  const std::string dir =
      std::string(kCgroupRoot) + (version_ == CgroupVersion::kV1 ? "/memory" : "") + cgroup.path;
  const auto text = files_.Read(dir, "cgroup.procs");
  if (!text) return;
  const CgroupProcesses processes = ParseCgroupProcs(*text);
  container.frame.Add("container_processes", {}, MetricType::kGauge,
                      static_cast<double>(processes.count));
  if (!IsPid(processes.first) || processes.first == "0") return;  // 0: of a foreign namespace.
  if (container.pid != processes.first) {
    container.pid = processes.first;
    LookAtProcess(container);
  }
  if (container.start_s > 0) {
    container.frame.Add("container_start_time_seconds", {}, MetricType::kGauge, container.start_s);
  }
  if (!container.own_network || container.pod_member || cgroup.id.empty()) return;
  const auto network = files_.ReadOnce("/proc/" + container.pid, "net/dev");
  if (network) (void)AddContainerNetDev(*network, container.frame).has_value();
}

void ContainerCollector::Collect(std::int64_t wall_ms, Sink& sink) {
  constexpr std::uint64_t kDeviceRounds = 30;
  if (version_ == CgroupVersion::kNone) version_ = DetectCgroups(files_);
  const FoundCgroups found = FindCgroups(files_, version_, options_.cgroups_max, options_.services);
  if (found.more) {
    OPS_LOG_EVERY(600, kWarn,
                  "collect: over {} control groups (collect.cgroups_max); containers among the "
                  "rest are left out",
                  options_.cgroups_max);
  }
  if (!found.cgroups.empty() && round_ % kDeviceRounds == 0) {
    if (const auto text = files_.Read("/proc/diskstats")) devices_.Set(*text);
  }
  ++round_;
  for (const Cgroup& cgroup : found.cgroups) {
    Container& container = ContainerOf(cgroup, wall_ms, sink);
    container.round = round_;
    container.frame.Begin();
    if (version_ == CgroupVersion::kV2) {
      AddCgroupV2(files_, cgroup, devices_, container.frame);
    } else {
      AddCgroupV1(files_, cgroup, devices_, container.frame);
    }
    AddProcesses(cgroup, container);
    container.frame.Add("container_last_seen", {}, MetricType::kGauge,
                        static_cast<double>(wall_ms / 1000));
    SendFrame(container.frame, wall_ms, sink);
  }
  for (auto it = containers_.begin(); it != containers_.end();) {
    if (it->second.round == round_) {
      ++it;
      continue;
    }
    RetireFrame(it->second.frame, wall_ms, sink);
    it = containers_.erase(it);
  }
}

}  // namespace opssight
