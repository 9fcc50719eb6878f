#include "agent/collect/cgroup_read.h"

#include <algorithm>
#include <string>

#include "agent/collect/fields.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

void AddSingle(HostFiles& files, std::string_view dir, std::string_view file, std::string_view name,
               FrameBuilder& out) {
  const auto text = files.Read(dir, file);
  if (!text) return;
  if (const auto value = SingleNumber(*text)) out.Add(name, {}, kGauge, *value);
}

// A limit: hardly changes, and "max" or v1's number near 2^63 is none.
void AddLimit(HostFiles& files, std::string_view dir, std::string_view file, std::string_view name,
              FrameBuilder& out) {
  constexpr double kUnlimited = 9.0e18;
  const auto text = files.ReadSlow(dir, file);
  if (!text) return;
  const auto value = SingleNumber(*text);
  if (value && *value < kUnlimited) out.Add(name, {}, kGauge, *value);
}

void AddMemoryUse(double bytes, double inactive_file, FrameBuilder& out) {
  out.Add("container_memory_usage_bytes", {}, kGauge, bytes);
  out.Add("container_memory_working_set_bytes", {}, kGauge, std::max(0.0, bytes - inactive_file));
}

}  // namespace

CgroupProcesses ParseCgroupProcs(std::string_view text) {
  CgroupProcesses processes;
  for (std::string_view line; NextLine(text, line);) {
    if (line.empty()) continue;
    if (processes.count++ == 0) processes.first = line;
  }
  return processes;
}

void AddCgroupV2(HostFiles& files, const Cgroup& cgroup, const DeviceNames& devices,
                 FrameBuilder& out) {
  const std::string dir = std::string(kCgroupRoot) + cgroup.path;
  if (const auto text = files.Read(dir, "cpu.stat")) AddCpuStatV2(*text, out);
  double inactive_file = 0;
  if (const auto text = files.Read(dir, "memory.stat")) {
    AddMemoryStatV2(*text, out);
    inactive_file = KeyedNumber(*text, "inactive_file");
  }
  if (const auto text = files.Read(dir, "memory.current")) {
    if (const auto bytes = SingleNumber(*text)) AddMemoryUse(*bytes, inactive_file, out);
  }
  AddSingle(files, dir, "memory.peak", "container_memory_max_usage_bytes", out);
  AddSingle(files, dir, "memory.swap.current", "container_memory_swap", out);
  if (const auto text = files.Read(dir, "memory.events")) AddMemoryEvents(*text, out);
  if (const auto text = files.Read(dir, "io.stat")) AddIoStat(*text, devices, out);
  AddSingle(files, dir, "pids.current", "container_threads", out);
  for (const std::string_view resource : {"cpu", "memory", "io"}) {
    const auto text = files.Read(dir, std::string(resource) + ".pressure");
    if (text) AddCgroupPressure(resource, *text, out);
  }
  AddLimit(files, dir, "pids.max", "container_threads_max", out);
  AddLimit(files, dir, "memory.max", "container_spec_memory_limit_bytes", out);
  AddLimit(files, dir, "memory.swap.max", "container_spec_memory_swap_limit_bytes", out);
  AddLimit(files, dir, "memory.min", "container_spec_memory_reservation_limit_bytes", out);
  if (const auto text = files.ReadSlow(dir, "cpu.max")) AddCpuMax(*text, out);
  if (const auto text = files.ReadSlow(dir, "cpu.weight")) AddCpuWeight(*text, out);
}

namespace {

void AddBlkioFiles(HostFiles& files, const std::string& dir, const DeviceNames& devices,
                   FrameBuilder& out) {
  const auto add = [&](std::string_view file, std::string_view reads, std::string_view writes) {
    auto text = files.Read(dir, std::string(file) + "_recursive");
    if (!text) text = files.Read(dir, file);
    if (text) AddBlkio(*text, reads, writes, devices, out);
  };
  add("blkio.throttle.io_service_bytes", "container_fs_reads_bytes_total",
      "container_fs_writes_bytes_total");
  add("blkio.throttle.io_serviced", "container_fs_reads_total", "container_fs_writes_total");
}

void AddMemoryV1(HostFiles& files, const std::string& dir, FrameBuilder& out) {
  double inactive_file = 0;
  if (const auto text = files.Read(dir, "memory.stat")) {
    AddMemoryStatV1(*text, out);
    inactive_file = KeyedNumber(*text, "total_inactive_file");
  }
  if (const auto text = files.Read(dir, "memory.usage_in_bytes")) {
    if (const auto bytes = SingleNumber(*text)) AddMemoryUse(*bytes, inactive_file, out);
  }
  AddSingle(files, dir, "memory.max_usage_in_bytes", "container_memory_max_usage_bytes", out);
  AddSingle(files, dir, "memory.kmem.usage_in_bytes", "container_memory_kernel_usage", out);
  if (const auto text = files.Read(dir, "memory.failcnt")) {
    if (const auto count = SingleNumber(*text)) {
      out.Add("container_memory_failcnt", {}, kCounter, *count);
    }
  }
  if (const auto text = files.Read(dir, "memory.oom_control")) AddOomControl(*text, out);
  AddLimit(files, dir, "memory.limit_in_bytes", "container_spec_memory_limit_bytes", out);
  AddLimit(files, dir, "memory.memsw.limit_in_bytes", "container_spec_memory_swap_limit_bytes",
           out);
  AddLimit(files, dir, "memory.soft_limit_in_bytes",
           "container_spec_memory_reservation_limit_bytes", out);
}

}  // namespace

void AddCgroupV1(HostFiles& files, const Cgroup& cgroup, const DeviceNames& devices,
                 FrameBuilder& out) {
  const auto dir = [&](std::string_view controller) {
    return std::string(kCgroupRoot).append(1, '/').append(controller).append(cgroup.path);
  };
  constexpr double kNano = 1e-9;
  const std::string cpu = dir("cpu");
  const std::string cpuacct = dir("cpuacct");
  if (const auto text = files.Read(cpuacct, "cpuacct.usage")) {
    if (const auto value = SingleNumber(*text)) {
      out.Add("container_cpu_usage_seconds_total", {{"cpu", "total"}}, kCounter,
              Scaled(*value, kNano));
    }
  }
  if (const auto text = files.Read(cpuacct, "cpuacct.stat")) AddCpuacctStat(*text, out);
  if (const auto text = files.Read(cpu, "cpu.stat")) AddCpuStatV1(*text, out);
  AddMemoryV1(files, dir("memory"), out);
  AddBlkioFiles(files, dir("blkio"), devices, out);
  const std::string pids = dir("pids");
  AddSingle(files, pids, "pids.current", "container_threads", out);
  AddLimit(files, pids, "pids.max", "container_threads_max", out);
  const auto quota = files.ReadSlow(cpu, "cpu.cfs_quota_us");
  if (const auto value = quota ? SingleNumber(*quota) : std::nullopt; value && *value > 0) {
    out.Add("container_spec_cpu_quota", {}, kGauge, *value);
  }
  AddLimit(files, cpu, "cpu.cfs_period_us", "container_spec_cpu_period", out);
  AddLimit(files, cpu, "cpu.shares", "container_spec_cpu_shares", out);
}

}  // namespace opssight
