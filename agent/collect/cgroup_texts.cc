#include "agent/collect/cgroup_texts.h"

#include <algorithm>
#include <array>

#include "agent/collect/fields.h"
#include "agent/collect/proc_disk.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr double kMicro = 1e-6;
constexpr double kNano = 1e-9;
constexpr double kUserHz = 100;

struct Key {
  std::string_view key;   // In the file.
  std::string_view name;  // Of the metric.
  double scale;
  MetricType type;
  std::array<LabelView, 2> labels = {};  // Empty ones are none.
};

void AddKey(const Key& key, double value, FrameBuilder& out) {
  std::size_t count = 0;
  while (count < key.labels.size() && !key.labels[count].first.empty()) ++count;
  out.Add(key.name, std::span(key.labels).first(count), key.type, Scaled(value, key.scale));
}

// "key value" lines.
template <std::size_t N>
void AddKeyed(std::string_view text, const std::array<Key, N>& keys, FrameBuilder& out) {
  for (std::string_view line; NextLine(text, line);) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, blank);
    for (const Key& key : keys) {
      double value = 0;
      if (name == key.key && Number(Trim(line.substr(blank)), value)) AddKey(key, value, out);
    }
  }
}

constexpr std::array<LabelView, 2> Total() {
  return {{{"cpu", "total"}, {}}};
}
constexpr std::array<LabelView, 2> Failure(std::string_view type, std::string_view scope) {
  return {{{"failure_type", type}, {"scope", scope}}};
}

}  // namespace

void DeviceNames::Set(std::string_view diskstats) {
  names_.clear();
  for (const Disk& disk : ParseDisks(diskstats)) {
    names_.emplace_back(std::string(disk.major).append(1, ':').append(disk.minor),
                        std::string("/dev/").append(disk.device));
  }
}

std::string_view DeviceNames::Of(std::string_view numbers) const {
  for (const auto& [known, name] : names_) {
    if (known == numbers) return name;
  }
  return numbers;
}

void AddCpuStatV2(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 8> kKeys = {{
      {"usage_usec", "container_cpu_usage_seconds_total", kMicro, kCounter, Total()},
      {"user_usec", "container_cpu_user_seconds_total", kMicro, kCounter},
      {"system_usec", "container_cpu_system_seconds_total", kMicro, kCounter},
      {"nr_periods", "container_cpu_cfs_periods_total", 1, kCounter},
      {"nr_throttled", "container_cpu_cfs_throttled_periods_total", 1, kCounter},
      {"throttled_usec", "container_cpu_cfs_throttled_seconds_total", kMicro, kCounter},
      {"nr_bursts", "container_cpu_cfs_burst_periods_total", 1, kCounter},
      {"burst_usec", "container_cpu_cfs_burst_seconds_total", kMicro, kCounter},
  }};
  AddKeyed(text, kKeys, out);
}

void AddMemoryStatV2(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 16> kKeys = {{
      {"anon", "container_memory_rss", 1, kGauge},
      {"file", "container_memory_cache", 1, kGauge},
      {"kernel", "container_memory_kernel_usage", 1, kGauge},
      {"file_mapped", "container_memory_mapped_file", 1, kGauge},
      {"file_dirty", "container_memory_file_dirty_bytes", 1, kGauge},
      {"file_writeback", "container_memory_file_writeback_bytes", 1, kGauge},
      {"active_file", "container_memory_total_active_file_bytes", 1, kGauge},
      {"inactive_file", "container_memory_total_inactive_file_bytes", 1, kGauge},
      {"pgfault", "container_memory_failures_total", 1, kCounter, Failure("pgfault", "container")},
      {"pgfault", "container_memory_failures_total", 1, kCounter, Failure("pgfault", "hierarchy")},
      {"pgmajfault", "container_memory_failures_total", 1, kCounter,
       Failure("pgmajfault", "container")},
      {"pgmajfault", "container_memory_failures_total", 1, kCounter,
       Failure("pgmajfault", "hierarchy")},
      {"pgscan", "container_memory_pgscan_total", 1, kCounter},
      {"pgsteal", "container_memory_pgsteal_total", 1, kCounter},
      {"workingset_refault_file", "container_memory_workingset_refault_file_total", 1, kCounter},
      {"workingset_refault_anon", "container_memory_workingset_refault_anon_total", 1, kCounter},
  }};
  AddKeyed(text, kKeys, out);
}

void AddMemoryEvents(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 4> kKeys = {{
      {"high", "container_memory_events_high_total", 1, kCounter},
      {"max", "container_memory_events_max_total", 1, kCounter},
      {"max", "container_memory_failcnt", 1, kCounter},
      {"oom_kill", "container_oom_events_total", 1, kCounter},
  }};
  AddKeyed(text, kKeys, out);
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …".
void AddIoStat(std::string_view text, const DeviceNames& devices, FrameBuilder& out) {
  static constexpr std::array<Key, 8> kKeys = {{
      {"rbytes=", "container_fs_reads_bytes_total", 1, kCounter},
      {"wbytes=", "container_fs_writes_bytes_total", 1, kCounter},
      {"rios=", "container_fs_reads_total", 1, kCounter},
      {"wios=", "container_fs_writes_total", 1, kCounter},
      {"cost.usage=", "container_fs_io_cost_usage_seconds_total", kMicro, kCounter},
      {"cost.wait=", "container_fs_io_cost_wait_seconds_total", kMicro, kCounter},
      {"cost.indebt=", "container_fs_io_cost_indebt_seconds_total", kMicro, kCounter},
      {"cost.indelay=", "container_fs_io_cost_indelay_seconds_total", kMicro, kCounter},
  }};
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      for (const Key& key : kKeys) {
        double value = 0;
        if (!fields[i].starts_with(key.key)) continue;
        if (!Number(fields[i].substr(key.key.size()), value)) continue;
        out.Add(key.name, {{"device", devices.Of(fields[0])}}, key.type, Scaled(value, key.scale));
      }
    }
  }
}

void AddCgroupPressure(std::string_view resource, std::string_view text, FrameBuilder& out) {
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    double total_us = 0;
    if (fields.size() < 2 || !fields.back().starts_with("total=")) continue;
    if (!Number(fields.back().substr(6), total_us)) continue;
    name.assign("container_pressure_").append(resource);
    name.append(fields[0] == "some" ? "_waiting_seconds_total" : "_stalled_seconds_total");
    out.Add(name, {}, kCounter, Scaled(total_us, kMicro));
  }
}

// "max 100000" or "50000 100000".
void AddCpuMax(std::string_view text, FrameBuilder& out) {
  const Fields fields(Trim(text));
  double value = 0;
  if (fields.size() != 2) return;
  if (Number(fields[0], value)) out.Add("container_spec_cpu_quota", {}, kGauge, value);
  if (Number(fields[1], value)) out.Add("container_spec_cpu_period", {}, kGauge, value);
}

void AddCpuWeight(std::string_view text, FrameBuilder& out) {
  const auto weight = SingleNumber(text);  // 1 to 10000 for shares of 2 to 262144.
  if (!weight || !(*weight >= 1 && *weight <= 10000)) return;
  const auto shares = static_cast<std::int64_t>(2 + (*weight - 1) * 262142 / 9999);
  out.Add("container_spec_cpu_shares", {}, kGauge, static_cast<double>(shares));
}

void AddCpuacctStat(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 2> kKeys = {{
      {"user", "container_cpu_user_seconds_total", 1 / kUserHz, kCounter},
      {"system", "container_cpu_system_seconds_total", 1 / kUserHz, kCounter},
  }};
  AddKeyed(text, kKeys, out);
}

void AddCpuStatV1(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 5> kKeys = {{
      {"nr_periods", "container_cpu_cfs_periods_total", 1, kCounter},
      {"nr_throttled", "container_cpu_cfs_throttled_periods_total", 1, kCounter},
      {"throttled_time", "container_cpu_cfs_throttled_seconds_total", kNano, kCounter},
      {"nr_bursts", "container_cpu_cfs_burst_periods_total", 1, kCounter},
      {"burst_time", "container_cpu_cfs_burst_seconds_total", kNano, kCounter},
  }};
  AddKeyed(text, kKeys, out);
}

void AddMemoryStatV1(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 12> kKeys = {{
      {"total_rss", "container_memory_rss", 1, kGauge},
      {"total_cache", "container_memory_cache", 1, kGauge},
      {"total_mapped_file", "container_memory_mapped_file", 1, kGauge},
      {"total_swap", "container_memory_swap", 1, kGauge},
      {"total_dirty", "container_memory_file_dirty_bytes", 1, kGauge},
      {"total_writeback", "container_memory_file_writeback_bytes", 1, kGauge},
      {"total_active_file", "container_memory_total_active_file_bytes", 1, kGauge},
      {"total_inactive_file", "container_memory_total_inactive_file_bytes", 1, kGauge},
      {"pgfault", "container_memory_failures_total", 1, kCounter, Failure("pgfault", "container")},
      {"pgmajfault", "container_memory_failures_total", 1, kCounter,
       Failure("pgmajfault", "container")},
      {"total_pgfault", "container_memory_failures_total", 1, kCounter,
       Failure("pgfault", "hierarchy")},
      {"total_pgmajfault", "container_memory_failures_total", 1, kCounter,
       Failure("pgmajfault", "hierarchy")},
  }};
  AddKeyed(text, kKeys, out);
}

void AddOomControl(std::string_view text, FrameBuilder& out) {
  static constexpr std::array<Key, 1> kKeys = {
      {{"oom_kill", "container_oom_events_total", 1, kCounter}}};
  AddKeyed(text, kKeys, out);
}

// "8:0 Read 1".
void AddBlkio(std::string_view text, std::string_view reads, std::string_view writes,
              const DeviceNames& devices, FrameBuilder& out) {
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    double value = 0;
    if (fields.size() != 3 || !Number(fields[2], value)) continue;
    const LabelView device = {"device", devices.Of(fields[0])};
    if (fields[1] == "Read") out.Add(reads, {device}, kCounter, value);
    if (fields[1] == "Write") out.Add(writes, {device}, kCounter, value);
  }
}

std::optional<double> SingleNumber(std::string_view text) {
  double value = 0;
  if (!Number(Trim(text), value)) return std::nullopt;
  return value;
}

double KeyedNumber(std::string_view text, std::string_view key) {
  for (std::string_view line; NextLine(text, line);) {
    double value = 0;
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ' &&
        Number(Trim(line.substr(key.size())), value)) {
      return value;
    }
  }
  return 0;
}

}  // namespace opssight
