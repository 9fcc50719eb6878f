#include "agent/collect/cgroup.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "agent/collect/fields.h"

namespace opssight {
namespace {

constexpr std::string_view kRoot = "/sys/fs/cgroup";

struct Key {
  std::string_view key;   // In the file.
  std::string_view name;  // Of the metric.
  double scale;
  MetricType type;
};

void AddSample(const Key& key, double value, FrameBuilder& out) {
  out.Add(key.name, {}, key.type, value * key.scale);
}

// "key value" lines.
template <std::size_t N>
void AddKeyed(std::string_view text, const std::array<Key, N>& keys, FrameBuilder& out) {
  std::vector<std::string_view> fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double value = 0;
    if (fields.size() != 2 || !Number(fields[1], value)) continue;
    for (const Key& key : keys) {
      if (fields[0] == key.key) AddSample(key, value, out);
    }
  }
}

std::optional<double> ReadNumber(HostFiles& files, const std::string& path) {
  const auto text = files.Read(path);
  double value = 0;
  if (!text || !Number(Trim(*text), value)) return std::nullopt;  // "max" is no number: no limit.
  return value;
}

void AddNumber(HostFiles& files, const std::string& path, const Key& key, FrameBuilder& out) {
  if (const auto value = ReadNumber(files, path)) AddSample(key, *value, out);
}

double KeyedValue(std::string_view text, std::string_view key) {
  std::vector<std::string_view> fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double value = 0;
    if (fields.size() == 2 && fields[0] == key && Number(fields[1], value)) return value;
  }
  return 0;
}

// v2 io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …".
void AddIoStat(std::string_view text, FrameBuilder& out) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kNames = {{
      {"rbytes=", "container_fs_reads_bytes_total"},
      {"wbytes=", "container_fs_writes_bytes_total"},
      {"rios=", "container_fs_reads_total"},
      {"wios=", "container_fs_writes_total"},
  }};
  std::vector<std::string_view> fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      for (const auto& [prefix, name] : kNames) {
        double value = 0;
        if (!fields[i].starts_with(prefix)) continue;
        if (!Number(fields[i].substr(prefix.size()), value)) continue;
        out.Add(name, {{"device", fields[0]}}, MetricType::kCounter, value);
      }
    }
  }
}

// v1 blkio.throttle.io_service_bytes: "8:0 Read 1".
void AddBlkio(std::string_view text, std::string_view reads, std::string_view writes,
              FrameBuilder& out) {
  std::vector<std::string_view> fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double value = 0;
    if (fields.size() != 3 || !Number(fields[2], value)) continue;
    if (fields[1] == "Read") out.Add(reads, {{"device", fields[0]}}, MetricType::kCounter, value);
    if (fields[1] == "Write") out.Add(writes, {{"device", fields[0]}}, MetricType::kCounter, value);
  }
}

void AddPressureFile(HostFiles& files, const std::string& path, std::string_view resource,
                     FrameBuilder& out) {
  const auto read = files.Read(path);
  if (!read) return;
  std::string_view text = *read;
  std::vector<std::string_view> fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double total_us = 0;
    if (fields.size() < 2 || !fields.back().starts_with("total=")) continue;
    if (!Number(fields.back().substr(6), total_us)) continue;
    name.assign("container_pressure_").append(resource);
    name.append(fields[0] == "some" ? "_waiting_seconds_total" : "_stalled_seconds_total");
    out.Add(name, {}, MetricType::kCounter, total_us * 1e-6);
  }
}

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

}  // namespace

std::optional<std::string> ContainerIdOf(std::string_view cgroup_path) {
  const std::size_t slash = cgroup_path.rfind('/');
  const std::string_view last =
      slash == std::string_view::npos ? cgroup_path : cgroup_path.substr(slash + 1);
  constexpr std::size_t kIdSize = 64;
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t at = 0; at + kIdSize <= last.size(); ++at) {
    const std::string_view id = last.substr(at, kIdSize);
    const std::size_t bad = id.find_first_not_of(kHex);
    if (bad == std::string_view::npos) {
      const bool longer = at + kIdSize < last.size() && kHex.find(last[at + kIdSize]) != kHex.npos;
      return longer ? std::nullopt : std::optional<std::string>(id);
    }
    at += bad;
  }
  return std::nullopt;
}

CgroupVersion DetectCgroups(HostFiles& files) {
  if (files.Read(std::string(kRoot) + "/cgroup.controllers")) return CgroupVersion::kV2;
  if (!files.List(std::string(kRoot) + "/memory").empty()) return CgroupVersion::kV1;
  return CgroupVersion::kNone;
}

std::vector<ContainerCgroup> FindContainers(HostFiles& files, CgroupVersion version,
                                            std::size_t cgroups_max) {
  std::vector<ContainerCgroup> found;
  if (version == CgroupVersion::kNone) return found;
  const std::string top = std::string(kRoot) + (version == CgroupVersion::kV1 ? "/memory" : "");
  std::deque<std::string> todo = {""};
  for (std::size_t visited = 0; !todo.empty() && visited < cgroups_max; ++visited) {
    const std::string path = std::move(todo.front());
    todo.pop_front();
    if (auto id = ContainerIdOf(path)) found.push_back({.id = *std::move(id), .path = path});
    for (const std::string& name : files.List(top + path)) {
      // Control files have a dot and a known controller in front; groups of systemd end in these.
      const bool unit =
          name.ends_with(".slice") || name.ends_with(".scope") || name.ends_with(".service");
      if (name.find('.') != std::string::npos && !unit) continue;
      if (!files.List(top + path + "/" + name).empty()) todo.push_back(path + "/" + name);
    }
  }
  return found;
}

void AddCgroupV2(HostFiles& files, const ContainerCgroup& cgroup, FrameBuilder& out) {
  const std::string dir = std::string(kRoot) + cgroup.path + "/";
  static constexpr std::array<Key, 6> kCpu = {{
      {"usage_usec", "container_cpu_usage_seconds_total", 1e-6, kCounter},
      {"user_usec", "container_cpu_user_seconds_total", 1e-6, kCounter},
      {"system_usec", "container_cpu_system_seconds_total", 1e-6, kCounter},
      {"nr_periods", "container_cpu_cfs_periods_total", 1, kCounter},
      {"nr_throttled", "container_cpu_cfs_throttled_periods_total", 1, kCounter},
      {"throttled_usec", "container_cpu_cfs_throttled_seconds_total", 1e-6, kCounter},
  }};
  static constexpr std::array<Key, 4> kMemory = {{
      {"anon", "container_memory_rss", 1, kGauge},
      {"file", "container_memory_cache", 1, kGauge},
      {"file_mapped", "container_memory_mapped_file", 1, kGauge},
      {"pgmajfault", "container_memory_major_faults_total", 1, kCounter},
  }};
  static constexpr std::array<Key, 2> kEvents = {{
      {"oom_kill", "container_oom_events_total", 1, kCounter},
      {"max", "container_memory_failcnt", 1, kCounter},
  }};
  if (const auto text = files.Read(dir + "cpu.stat")) AddKeyed(*text, kCpu, out);
  double inactive_file = 0;
  if (const auto text = files.Read(dir + "memory.stat")) {
    AddKeyed(*text, kMemory, out);
    inactive_file = KeyedValue(*text, "inactive_file");
  }
  if (const auto bytes = ReadNumber(files, dir + "memory.current")) {
    AddSample({"", "container_memory_usage_bytes", 1, kGauge}, *bytes, out);
    AddSample({"", "container_memory_working_set_bytes", 1, kGauge},
              std::max(0.0, *bytes - inactive_file), out);
  }
  AddNumber(files, dir + "memory.max", {"", "container_spec_memory_limit_bytes", 1, kGauge}, out);
  AddNumber(files, dir + "memory.swap.current", {"", "container_memory_swap", 1, kGauge}, out);
  if (const auto text = files.Read(dir + "memory.events")) AddKeyed(*text, kEvents, out);
  if (const auto text = files.Read(dir + "io.stat")) AddIoStat(*text, out);
  AddNumber(files, dir + "pids.current", {"", "container_threads", 1, kGauge}, out);
  AddNumber(files, dir + "pids.max", {"", "container_threads_max", 1, kGauge}, out);
  for (const std::string_view resource : {"cpu", "memory", "io"}) {
    AddPressureFile(files, dir + std::string(resource) + ".pressure", resource, out);
  }
}

void AddCgroupV1(HostFiles& files, const ContainerCgroup& cgroup, FrameBuilder& out) {
  const auto path = [&](std::string_view controller, std::string_view file) {
    return std::string(kRoot)
        .append("/")
        .append(controller)
        .append(cgroup.path)
        .append("/")
        .append(file);
  };
  constexpr double kUserHz = 100;
  static constexpr std::array<Key, 2> kCpuacct = {{
      {"user", "container_cpu_user_seconds_total", 1 / kUserHz, kCounter},
      {"system", "container_cpu_system_seconds_total", 1 / kUserHz, kCounter},
  }};
  static constexpr std::array<Key, 3> kCpu = {{
      {"nr_periods", "container_cpu_cfs_periods_total", 1, kCounter},
      {"nr_throttled", "container_cpu_cfs_throttled_periods_total", 1, kCounter},
      {"throttled_time", "container_cpu_cfs_throttled_seconds_total", 1e-9, kCounter},
  }};
  static constexpr std::array<Key, 5> kMemory = {{
      {"total_rss", "container_memory_rss", 1, kGauge},
      {"total_cache", "container_memory_cache", 1, kGauge},
      {"total_mapped_file", "container_memory_mapped_file", 1, kGauge},
      {"total_swap", "container_memory_swap", 1, kGauge},
      {"total_pgmajfault", "container_memory_major_faults_total", 1, kCounter},
  }};
  static constexpr std::array<Key, 1> kOom = {
      {{"oom_kill", "container_oom_events_total", 1, kCounter}}};
  AddNumber(files, path("cpuacct", "cpuacct.usage"),
            {"", "container_cpu_usage_seconds_total", 1e-9, kCounter}, out);
  if (const auto text = files.Read(path("cpuacct", "cpuacct.stat"))) AddKeyed(*text, kCpuacct, out);
  if (const auto text = files.Read(path("cpu", "cpu.stat"))) AddKeyed(*text, kCpu, out);
  double inactive_file = 0;
  if (const auto text = files.Read(path("memory", "memory.stat"))) {
    AddKeyed(*text, kMemory, out);
    inactive_file = KeyedValue(*text, "total_inactive_file");
  }
  if (const auto bytes = ReadNumber(files, path("memory", "memory.usage_in_bytes"))) {
    AddSample({"", "container_memory_usage_bytes", 1, kGauge}, *bytes, out);
    AddSample({"", "container_memory_working_set_bytes", 1, kGauge},
              std::max(0.0, *bytes - inactive_file), out);
  }
  constexpr double kUnlimited = 9.0e18;  // v1 says "no limit" by a number near 2^63.
  const auto limit = ReadNumber(files, path("memory", "memory.limit_in_bytes"));
  if (limit && *limit < kUnlimited) {
    AddSample({"", "container_spec_memory_limit_bytes", 1, kGauge}, *limit, out);
  }
  AddNumber(files, path("memory", "memory.failcnt"), {"", "container_memory_failcnt", 1, kCounter},
            out);
  if (const auto text = files.Read(path("memory", "memory.oom_control")))
    AddKeyed(*text, kOom, out);
  if (const auto text = files.Read(path("blkio", "blkio.throttle.io_service_bytes"))) {
    AddBlkio(*text, "container_fs_reads_bytes_total", "container_fs_writes_bytes_total", out);
  }
  if (const auto text = files.Read(path("blkio", "blkio.throttle.io_serviced"))) {
    AddBlkio(*text, "container_fs_reads_total", "container_fs_writes_total", out);
  }
  AddNumber(files, path("pids", "pids.current"), {"", "container_threads", 1, kGauge}, out);
  AddNumber(files, path("pids", "pids.max"), {"", "container_threads_max", 1, kGauge}, out);
}

}  // namespace opssight
