#include "agent/collect/host_collector.h"

#include <cmath>
#include <utility>

#include "agent/collect/proc_host.h"
#include "agent/collect/proc_net.h"
#include "agent/collect/send.h"
#include "agent/collect/sys_class.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;

// A kernel without the feature is no failure.
Status Optional(Status status) {
  if (!status && status.error().code == ErrorCode::kNotFound) return {};
  return status;
}

std::vector<Label> CommonLabels(const HostOptions& options, const std::string& job) {
  return WithOwn(options.labels,
                 {{"host", options.host}, {"instance", options.host}, {"job", job}});
}

}  // namespace

HostCollector::HostCollector(HostOptions options, HostCalls& calls)
    : options_(std::move(options)),
      calls_(calls),
      files_(options_.host_root),
      host_(CommonLabels(options_, options_.host_job)),
      devices_(CommonLabels(options_, options_.host_job)),
      sockets_(CommonLabels(options_, options_.host_job)),
      top_(CommonLabels(options_, "process")),
      processes_(options_.processes_top),
      containers_(options_, files_) {}

const std::vector<HostCollector::Part>& HostCollector::Parts() {
  using Self = HostCollector;
  static const std::vector<Part> parts = {
      {"stat", [](Self& self) { return self.AddCpu(); }},
      {"loadavg",
       [](Self& self) { return self.AddFile("/proc/loadavg", &AddLoadavg, self.host_); }},
      {"meminfo",
       [](Self& self) { return self.AddFile("/proc/meminfo", &AddMeminfo, self.host_); }},
      {"vmstat", [](Self& self) { return self.AddFile("/proc/vmstat", &AddVmstat, self.host_); }},
      {"uptime", [](Self& self) { return self.AddFile("/proc/uptime", &AddUptime, self.host_); }},
      {"filefd",
       [](Self& self) { return self.AddFile("/proc/sys/fs/file-nr", &AddFileNr, self.host_); }},
      {"schedstat",
       [](Self& self) { return self.AddFile("/proc/schedstat", &AddSchedstat, self.host_); }},
      {"pressure", [](Self& self) { return self.AddPressures(); }},
      {"entropy", [](Self& self) { return self.AddEntropy(); }},
      {"netstat", [](Self& self) { return self.AddNetstats(); }},
      {"sockstat", [](Self& self) { return self.AddSockets(); }},
      {"softnet",
       [](Self& self) {
         return self.AddFile("/proc/1/net/softnet_stat", &AddSoftnet, self.host_);
       }},
      {"conntrack", [](Self& self) { return self.AddConntrack(); }},
      {"tcpstat", [](Self& self) { return self.AddTcp(); }},
      {"udp_queues", [](Self& self) { return self.AddUdp(); }},
      {"processes", [](Self& self) { return self.AddProcessCount(); }},
      {"time", [](Self& self) { return self.AddTime(); }},
      {"timex", [](Self& self) { return self.AddClock(); }},
      {"uname", [](Self& self) { return self.AddUnameInfo(); }},
      {"os", [](Self& self) { return self.AddOs(); }},
      {"dmi", [](Self& self) { return AddDmi(self.files_, self.host_), Status(); }},
      {"cpufreq", [](Self& self) { return AddCpuFrequency(self.files_, self.host_), Status(); }},
      {"cpu", [](Self& self) { return AddCpuThrottles(self.files_, self.host_), Status(); }},
      {"thermal_zone", [](Self& self) { return AddThermal(self.files_, self.host_), Status(); }},
      {"hwmon", [](Self& self) { return self.hwmon_.Add(self.files_, self.host_), Status(); }},
      {"edac", [](Self& self) { return AddEdac(self.files_, self.host_), Status(); }},
      {"netdev",
       [](Self& self) { return self.AddFile("/proc/1/net/dev", &AddNetDev, self.devices_); }},
      {"netclass", [](Self& self) { return AddNetClass(self.files_, self.devices_), Status(); }},
      {"arp", [](Self& self) { return self.AddFile("/proc/1/net/arp", &AddArp, self.devices_); }},
      {"diskstats", [](Self& self) { return self.AddDisks(); }},
      {"filesystem", [](Self& self) { return self.AddFilesystems(); }},
  };
  return parts;
}

void HostCollector::Collect(std::int64_t wall_ms, Sink& sink) {
  wall_ms_ = wall_ms;
  files_.NextRound();
  host_.Begin();
  devices_.Begin();
  top_.Begin();
  if (IsSocketRound()) sockets_.Begin();
  std::int64_t before_ns = calls_.SteadyNs();
  for (const Part& part : Parts()) {
    const Status status = Optional(part.add(*this));
    if (!status) {
      OPS_LOG_EVERY(60, kWarn, "collect: {}: {}; left out of this round", part.name,
                    status.error().message);
    }
    const std::int64_t after_ns = calls_.SteadyNs();
    const auto took_us = static_cast<double>((after_ns - before_ns) / kNsPerUs);
    before_ns = after_ns;
    host_.Add("node_scrape_collector_success", {{"collector", part.name}}, kGauge, status ? 1 : 0);
    host_.Add("node_scrape_collector_duration_seconds", {{"collector", part.name}}, kGauge,
              took_us / 1e6);
  }
  if (options_.processes_top != 0) processes_.Add(files_, top_);
  SendFrame(host_, wall_ms, sink);
  SendFrame(devices_, wall_ms, sink);
  if (IsSocketRound()) SendFrame(sockets_, wall_ms, sink);
  ++round_;
  SendFrame(top_, wall_ms, sink);
  containers_.Collect(wall_ms, sink);
}

Status HostCollector::AddFile(std::string_view path, AddText add, FrameBuilder& out) {
  OPS_TRY(const std::string_view text, files_.Read(path));
  return add(text, out);
}

Status HostCollector::AddOptional(std::string_view path, AddText add, FrameBuilder& out) {
  return Optional(AddFile(path, add, out));
}

void HostCollector::AddSingle(std::string_view path, std::string_view name) {
  double value = 0;
  if (files_.ReadNumber(path, {}, value)) host_.Add(name, {}, kGauge, value);
}

Status HostCollector::AddCpu() {
  OPS_TRY(const std::string_view text, files_.Read("/proc/stat"));
  return AddStat(text, cpu_, host_);
}

Status HostCollector::AddPressures() {
  for (const auto& [resource, path] :
       {std::pair("cpu", "/proc/pressure/cpu"), std::pair("io", "/proc/pressure/io"),
        std::pair("memory", "/proc/pressure/memory"), std::pair("irq", "/proc/pressure/irq")}) {
    const auto text = files_.Read(path);
    if (text) OPS_RETURN_IF_ERROR(AddPressure(resource, *text, host_));
  }
  return {};
}

Status HostCollector::AddEntropy() {
  AddSingle("/proc/sys/kernel/random/entropy_avail", "node_entropy_available_bits");
  AddSingle("/proc/sys/kernel/random/poolsize", "node_entropy_pool_size_bits");
  return {};
}

Status HostCollector::AddNetstats() {
  OPS_RETURN_IF_ERROR(AddOptional("/proc/1/net/snmp", &AddNetstat, host_));
  OPS_RETURN_IF_ERROR(AddOptional("/proc/1/net/netstat", &AddNetstat, host_));
  return AddOptional("/proc/1/net/snmp6", &AddSnmp6, host_);
}

Status HostCollector::AddSockets() {
  OPS_RETURN_IF_ERROR(AddOptional("/proc/1/net/sockstat", &AddSockstat, host_));
  return AddOptional("/proc/1/net/sockstat6", &AddSockstat, host_);
}

Status HostCollector::AddConntrack() {
  AddSingle("/proc/sys/net/netfilter/nf_conntrack_count", "node_nf_conntrack_entries");
  AddSingle("/proc/sys/net/netfilter/nf_conntrack_max", "node_nf_conntrack_entries_limit");
  return AddOptional("/proc/1/net/stat/nf_conntrack", &AddConntrackStat, host_);
}

bool HostCollector::IsSocketRound() const {
  return options_.socket_rounds != 0 && round_ % options_.socket_rounds == 0;
}

Status HostCollector::AddTcp() {
  if (!IsSocketRound()) return {};
  SocketTable sockets;
  const auto feed = [&sockets](std::string_view line) { sockets.Feed(line); };
  OPS_RETURN_IF_ERROR(files_.ForEachLine("/proc/1/net/tcp", feed));
  OPS_RETURN_IF_ERROR(Optional(files_.ForEachLine("/proc/1/net/tcp6", feed)));
  sockets.AddTcpStates(sockets_);
  return {};
}

Status HostCollector::AddUdp() {
  if (!IsSocketRound()) return {};
  for (const auto& [ip, path] :
       {std::pair("v4", "/proc/1/net/udp"), std::pair("v6", "/proc/1/net/udp6")}) {
    SocketTable sockets;
    const Status status =
        files_.ForEachLine(path, [&sockets](std::string_view line) { sockets.Feed(line); });
    if (status) sockets.AddUdpQueues(ip, sockets_);
    OPS_RETURN_IF_ERROR(Optional(status));
  }
  return {};
}

Status HostCollector::AddDisks() {
  OPS_RETURN_IF_ERROR(AddFile("/proc/diskstats", &AddDiskstats, devices_));
  OPS_TRY(const std::string_view text, files_.ReadSlow("/proc/diskstats"));
  std::string name;
  for (const Disk& disk : ParseDisks(text)) {
    name.assign(1, 'b').append(disk.major).append(1, ':').append(disk.minor);
    const auto udev = files_.ReadSlow("/run/udev/data", name);
    AddDiskInfo(disk, udev ? *udev : std::string_view(), devices_);
  }
  return {};
}

Status HostCollector::AddFilesystems() {
  OPS_TRY(const std::string_view text, files_.Read("/proc/1/mountinfo"));
  if (const std::uint64_t hash = Hash64(text); hash != mounts_hash_) {
    mounts_ = ParseMounts(text, options_.mounts_max);
    mounts_hash_ = hash;
    if (mounts_.size() == options_.mounts_max) {
      OPS_LOG_EVERY(600, kWarn,
                    "collect: {} file systems (collect.mounts_max) or more; the rest is left out",
                    mounts_.size());
    }
  }
  for (const Mount& mount : mounts_) {
    if (mount.remote && !options_.remote_filesystems) continue;
    FilesystemUsage usage;
    if (!calls_.Filesystem(files_.Path(mount.path), usage)) {
      AddFilesystemError(mount, devices_);
    } else if (usage.size_bytes > 0) {
      AddFilesystem(mount, usage, devices_);
    }
  }
  return {};
}

Status HostCollector::AddProcessCount() {
  // The kernel counts processes among the links of /proc: the names, which cost some us for
  // each process, are read now and then to learn how many of the links are none.
  const auto links = static_cast<std::int64_t>(files_.Links("/proc"));
  std::int64_t count = links - proc_links_;
  if (proc_links_ < 0 || count < 1 || round_ % HostFiles::kSlowRounds == 0) {
    count = 0;
    files_.ForEachName("/proc", [&count](std::string_view name, bool) { count += IsPid(name); });
    const bool still = static_cast<std::int64_t>(files_.Links("/proc")) == links;
    proc_links_ = still ? links - count : -1;
  }
  host_.Add("system_process_count", {}, kGauge, static_cast<double>(count));
  return {};
}

Status HostCollector::AddTime() {
  host_.Add("node_time_seconds", {}, kGauge, static_cast<double>(wall_ms_) / 1e3);
  const double offset_s = calls_.ZoneOffset(wall_ms_ / kMsPerSecond, zone_);
  host_.Add("node_time_zone_offset_seconds", {{"time_zone", zone_}}, kGauge, offset_s);
  AddClockSources(files_, host_);
  return {};
}

Status HostCollector::AddClock() {
  timex clock{};
  const int state = calls_.Timex(clock);
  if (state >= 0) AddTimex(clock, state, host_);  // Some sandboxes do not allow it.
  return {};
}

Status HostCollector::AddUnameInfo() {
  utsname name{};
  if (!calls_.Uname(name)) return {};
  // In a container uname gives the container's own name.
  const bool inside = !options_.host_root.empty();
  AddUname(name, inside ? std::string_view(options_.host) : std::string_view(name.nodename), host_);
  return {};
}

Status HostCollector::AddOs() {
  for (const std::string_view path : {"/etc/os-release", "/usr/lib/os-release"}) {
    if (const auto text = files_.ReadSlow(path)) return AddOsRelease(*text, host_);
  }
  return {};
}

}  // namespace opssight
