#include "agent/collect/host_collector.h"

#include <algorithm>
#include <cctype>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>
#include <utility>

#include "agent/collect/fields.h"
#include "common/base/log.h"

namespace opssight {
namespace {

// A kernel without the feature is no failure.
Status Optional(Status status) {
  if (!status && status.error().code == ErrorCode::kNotFound) return {};
  return status;
}

struct ProcessStat {
  std::string key;  // pid:start time, which a reused pid does not share.
  std::string name;
  double cpu_s = 0;
  double rss_bytes = 0;
  double cpu_since_s = 0;
};

// /proc/<pid>/stat: "1 (name with ) and blanks) S …" (proc(5)).
bool ParseProcessStat(std::string_view text, ProcessStat& out) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return false;
  std::vector<std::string_view> fields;
  SplitFields(Trim(text.substr(close + 1)), fields);
  double user = 0, system = 0, pages = 0;
  if (fields.size() < 22 || !Number(fields[11], user) || !Number(fields[12], system) ||
      !Number(fields[21], pages)) {
    return false;
  }
  constexpr double kUserHz = 100;
  out.name = text.substr(open + 1, close - open - 1);
  out.key = std::string(Trim(text.substr(0, open))) + ":" + std::string(fields[19]);
  out.cpu_s = (user + system) / kUserHz;
  out.rss_bytes = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
  return true;
}

bool IsPid(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

HostCollector::HostCollector(HostOptions options)
    : options_(std::move(options)),
      files_(options_.host_root),
      host_(Common({{"host", options_.host}, {"job", "host"}})),
      top_(Common({{"host", options_.host}, {"job", "process"}})) {
  const auto file = [this](std::string_view name, std::string_view path,
                           Status (*add)(std::string_view, FrameBuilder&)) {
    parts_.push_back({.name = name, .add = [=, this] { return AddFile(path, add); }});
  };
  parts_.push_back({.name = "stat", .add = [this]() -> Status {
                      OPS_TRY(const std::string_view text, files_.Read("/proc/stat"));
                      return AddStat(text, cpu_, host_);
                    }});
  file("loadavg", "/proc/loadavg", &AddLoadavg);
  file("meminfo", "/proc/meminfo", &AddMeminfo);
  file("vmstat", "/proc/vmstat", &AddVmstat);
  file("diskstats", "/proc/diskstats", &AddDiskstats);
  file("netdev", "/proc/1/net/dev", &AddNetDev);
  file("snmp", "/proc/1/net/snmp", &AddSnmp);
  file("netstat", "/proc/1/net/netstat", &AddSnmp);
  file("sockstat", "/proc/1/net/sockstat", &AddSockstat);
  file("sockstat6", "/proc/1/net/sockstat6", &AddSockstat);
  file("filefd", "/proc/sys/fs/file-nr", &AddFileNr);
  file("uptime", "/proc/uptime", &AddUptime);
  parts_.push_back({.name = "pressure", .add = [this] { return AddPressures(); }});
  parts_.push_back({.name = "tcpstat", .add = [this] { return AddTcp(); }});
  parts_.push_back({.name = "filesystem", .add = [this] { return AddFilesystems(); }});
  parts_.push_back({.name = "processes", .add = [this] { return AddProcesses(); }});
  parts_.push_back({.name = "hwmon", .add = [this] { return AddHwmon(); }});
  parts_.push_back({.name = "timex", .add = [this] { return AddTimex(); }});
}

void HostCollector::Collect(std::int64_t wall_ms, Sink& sink) {
  ++round_;
  host_.Begin();
  top_.Begin();
  for (const Part& part : parts_) {
    const Status status = Optional(part.add());
    if (!status) {
      OPS_LOG_EVERY(60, kWarn, "collect: {}: {}; left out of this round", part.name,
                    status.error().message);
    }
    host_.Add("node_scrape_collector_success", {{"collector", part.name}}, MetricType::kGauge,
              status ? 1 : 0);
  }
  sink.AcceptMetrics(host_.End(wall_ms));
  MetricRow top = top_.End(wall_ms);
  if (!top.values.empty()) sink.AcceptMetrics(std::move(top));
  CollectContainers(wall_ms, sink);
}

Status HostCollector::AddFile(std::string_view path,
                              Status (*add)(std::string_view, FrameBuilder&)) {
  OPS_TRY(const std::string_view text, files_.Read(path));
  return add(text, host_);
}

Status HostCollector::AddPressures() {
  for (const std::string_view resource : {"cpu", "io", "memory"}) {
    const auto text = files_.Read("/proc/pressure/" + std::string(resource));
    if (text) OPS_RETURN_IF_ERROR(AddPressure(resource, *text, host_));
  }
  return {};
}

Status HostCollector::AddTcp() {
  OPS_TRY(const std::string_view read, files_.Read("/proc/1/net/tcp"));
  const std::string tcp(read);  // The next Read takes the buffer.
  const auto tcp6 = files_.Read("/proc/1/net/tcp6");
  return AddTcpStates(tcp, tcp6 ? *tcp6 : std::string_view(), host_);
}

Status HostCollector::AddFilesystems() {
  OPS_TRY(const std::string_view text, files_.Read("/proc/1/mountinfo"));
  for (const Mount& mount : ParseMounts(text)) {
    struct statvfs stats {};
    if (statvfs(files_.Path(mount.path).c_str(), &stats) != 0 || stats.f_blocks == 0) continue;
    const auto unit = static_cast<double>(stats.f_frsize);
    AddFilesystem(mount,
                  {.size_bytes = static_cast<double>(stats.f_blocks) * unit,
                   .free_bytes = static_cast<double>(stats.f_bfree) * unit,
                   .available_bytes = static_cast<double>(stats.f_bavail) * unit,
                   .files = static_cast<double>(stats.f_files),
                   .files_free = static_cast<double>(stats.f_ffree)},
                  host_);
  }
  return {};
}

Status HostCollector::AddProcesses() {
  std::vector<std::string> pids = files_.List("/proc");
  std::erase_if(pids, [](const std::string& name) { return !IsPid(name); });
  host_.Add("system_process_count", {}, MetricType::kGauge, static_cast<double>(pids.size()));
  if (options_.processes_top != 0) AddTop(pids);
  return {};
}

void HostCollector::AddTop(const std::vector<std::string>& pids) {
  std::vector<ProcessStat> stats;
  for (const std::string& pid : pids) {
    const auto text = files_.Read("/proc/" + pid + "/stat");
    ProcessStat stat;
    if (!text || !ParseProcessStat(*text, stat)) continue;  // It ended meanwhile.
    Process& known = processes_[stat.key];
    stat.cpu_since_s = known.round == 0 ? 0 : stat.cpu_s - known.cpu_s;
    known = {.cpu_s = stat.cpu_s, .round = round_};
    stats.push_back(std::move(stat));
  }
  std::erase_if(processes_, [this](const auto& entry) { return entry.second.round != round_; });
  const auto top = [&](auto less, std::string_view name, MetricType type, auto value) {
    const std::size_t count = std::min(options_.processes_top, stats.size());
    std::partial_sort(stats.begin(), stats.begin() + static_cast<std::ptrdiff_t>(count),
                      stats.end(), less);
    // By key, so that the layout stays while the same processes lead.
    std::sort(stats.begin(), stats.begin() + static_cast<std::ptrdiff_t>(count),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view key = stats[i].key;
      top_.Add(name, {{"name", stats[i].name}, {"pid", key.substr(0, key.find(':'))}}, type,
               value(stats[i]));
    }
  };
  top([](const auto& a, const auto& b) { return a.cpu_since_s > b.cpu_since_s; },
      "process_cpu_seconds_total", MetricType::kCounter,
      [](const auto& stat) { return stat.cpu_s; });
  top([](const auto& a, const auto& b) { return a.rss_bytes > b.rss_bytes; },
      "process_resident_memory_bytes", MetricType::kGauge,
      [](const auto& stat) { return stat.rss_bytes; });
}

Status HostCollector::AddHwmon() {
  constexpr double kMilli = 1e-3;
  for (const std::string& chip : files_.List("/sys/class/hwmon")) {
    const std::string dir = "/sys/class/hwmon/" + chip;
    for (const std::string& name : files_.List(dir)) {
      if (!name.starts_with("temp") || !name.ends_with("_input")) continue;
      const auto text = files_.Read(dir + "/" + name);
      double value = 0;
      if (!text || !Number(Trim(*text), value)) continue;
      const std::string_view sensor = std::string_view(name).substr(0, name.size() - 6);
      host_.Add("node_hwmon_temp_celsius", {{"chip", chip}, {"sensor", sensor}}, MetricType::kGauge,
                value * kMilli);
    }
  }
  return {};
}

Status HostCollector::AddTimex() {
  struct timex state {};
  const int status = adjtimex(&state);
  if (status < 0) return {};  // Not allowed in some sandboxes.
  const double unit = (state.status & STA_NANO) != 0 ? 1e-9 : 1e-6;
  host_.Add("node_timex_offset_seconds", {}, MetricType::kGauge,
            static_cast<double>(state.offset) * unit);
  host_.Add("node_timex_maxerror_seconds", {}, MetricType::kGauge,
            static_cast<double>(state.maxerror) * 1e-6);
  host_.Add("node_timex_sync_status", {}, MetricType::kGauge, status == TIME_ERROR ? 0 : 1);
  return {};
}

// Of one name the last stays: options_.labels come first.
std::vector<Label> HostCollector::Common(std::vector<Label> own) const {
  own.insert(own.begin(), options_.labels.begin(), options_.labels.end());
  return own;
}

void HostCollector::CollectContainers(std::int64_t wall_ms, Sink& sink) {
  const CgroupVersion version = DetectCgroups(files_);
  for (const ContainerCgroup& cgroup : FindContainers(files_, version, options_.cgroups_max)) {
    auto it = containers_.find(cgroup.id);
    if (it == containers_.end()) {
      it = containers_
               .emplace(cgroup.id, Container{.frame = FrameBuilder(Common(
                                                 {{"host", options_.host},
                                                  {"job", "container"},
                                                  {"id", cgroup.path},
                                                  {"container_id", cgroup.id.substr(0, 12)}}))})
               .first;
    }
    Container& container = it->second;
    container.round = round_;
    container.frame.Begin();
    if (version == CgroupVersion::kV2) {
      AddCgroupV2(files_, cgroup, container.frame);
    } else {
      AddCgroupV1(files_, cgroup, container.frame);
    }
    MetricRow row = container.frame.End(wall_ms);
    if (!row.values.empty()) sink.AcceptMetrics(std::move(row));
  }
  std::erase_if(containers_, [this](const auto& entry) { return entry.second.round != round_; });
}

}  // namespace opssight
