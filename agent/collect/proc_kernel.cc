#include "agent/collect/proc_kernel.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "agent/collect/fields.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr double kUserHz = 100;  // USER_HZ: fixed by the kernel's ABI on Linux.
constexpr std::array<std::string_view, 8> kModes = {"user",   "nice", "system",  "idle",
                                                    "iowait", "irq",  "softirq", "steal"};

void AddCpuPercent(const Fields& fields, CpuUsage& last, FrameBuilder& out) {
  CpuUsage now;
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    double value = 0;
    if (!Number(fields[i + 1], value)) continue;
    now.total_s += value / kUserHz;
    if (kModes[i] != "idle" && kModes[i] != "iowait") now.busy_s += value / kUserHz;
  }
  const double total = now.total_s - last.total_s;
  const double busy = now.busy_s - last.busy_s;
  out.Add("system_cpu_usage_percent", {}, kGauge,
          total > 0 ? std::clamp(100 * busy / total, 0.0, 100.0) : 0);
  last = now;
}

void AddCore(const Fields& fields, FrameBuilder& out) {
  const std::string_view cpu = fields[0].substr(3);
  double value = 0;
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (!Number(fields[i + 1], value)) continue;
    out.Add("node_cpu_seconds_total", {{"cpu", cpu}, {"mode", kModes[i]}}, kCounter,
            value / kUserHz);
  }
  constexpr std::array<std::string_view, 2> kGuest = {"user", "nice"};
  for (std::size_t i = 0; i < kGuest.size() && i + 9 < fields.size(); ++i) {
    if (!Number(fields[i + 9], value)) continue;
    out.Add("node_cpu_guest_seconds_total", {{"cpu", cpu}, {"mode", kGuest[i]}}, kCounter,
            value / kUserHz);
  }
}

bool AddStatSingle(const Fields& fields, FrameBuilder& out) {
  struct Single {
    std::string_view key, name;
    MetricType type;
  };
  static constexpr std::array<Single, 6> kSingles = {{
      {"intr", "node_intr_total", kCounter},
      {"ctxt", "node_context_switches_total", kCounter},
      {"btime", "node_boot_time_seconds", kGauge},
      {"processes", "node_forks_total", kCounter},
      {"procs_running", "node_procs_running", kGauge},
      {"procs_blocked", "node_procs_blocked", kGauge},
  }};
  double value = 0;
  for (const auto& [key, name, type] : kSingles) {
    if (fields[0] != key || !Number(fields[1], value)) continue;
    out.Add(name, {}, type, value);
    return true;
  }
  return false;
}

}  // namespace

Status Understood(std::size_t lines, std::string_view what) {
  if (lines == 0) return Invalid(fmt::format("{}: no line understood", what));
  return {};
}

Status AddStat(std::string_view text, CpuUsage& last, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    if (line.starts_with("intr ")) line = line.substr(0, line.find(' ', 5));  // The sum.
    if (line.starts_with("softirq ")) continue;
    fields.Split(line);
    if (fields.size() < 2) continue;
    const bool cpu = fields[0].starts_with("cpu") && fields.size() >= 9;
    if (cpu && fields[0].size() == 3) {
      AddCpuPercent(fields, last, out);
    } else if (cpu) {
      AddCore(fields, out);
    } else if (!AddStatSingle(fields, out)) {
      continue;
    }
    ++lines;
  }
  return Understood(lines, "stat");
}

Status AddLoadavg(std::string_view text, FrameBuilder& out) {
  const Fields fields(Trim(text));
  std::array<double, 3> load{};
  if (fields.size() < 3 || !Number(fields[0], load[0]) || !Number(fields[1], load[1]) ||
      !Number(fields[2], load[2])) {
    return Invalid(fmt::format("loadavg: {}", Trim(text).substr(0, 80)));
  }
  constexpr std::array<std::string_view, 3> kNode = {"node_load1", "node_load5", "node_load15"};
  constexpr std::array<std::string_view, 3> kSystem = {"system_cpu_load_1m", "system_cpu_load_5m",
                                                       "system_cpu_load_15m"};
  for (std::size_t i = 0; i < 3; ++i) {
    out.Add(kNode[i], {}, kGauge, load[i]);
    out.Add(kSystem[i], {}, kGauge, load[i]);
  }
  return {};
}

Status AddUptime(std::string_view text, FrameBuilder& out) {
  const Fields fields(Trim(text));
  double seconds = 0;
  if (fields.empty() || !Number(fields[0], seconds)) {
    return Invalid(fmt::format("uptime: {}", Trim(text).substr(0, 80)));
  }
  out.Add("system_uptime_seconds", {}, kGauge, seconds);
  return {};
}

Status AddSchedstat(std::string_view text, FrameBuilder& out) {
  constexpr std::array<std::pair<std::string_view, double>, 3> kColumns = {{
      {"node_schedstat_running_seconds_total", 1e-9},
      {"node_schedstat_waiting_seconds_total", 1e-9},
      {"node_schedstat_timeslices_total", 1},
  }};
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.empty() || !fields[0].starts_with("cpu") || fields.size() < 10) continue;
    ++lines;
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      double value = 0;
      if (!Number(fields[i + 7], value)) continue;
      out.Add(kColumns[i].first, {{"cpu", fields[0].substr(3)}}, kCounter,
              Scaled(value, kColumns[i].second));
    }
  }
  return Understood(lines, "schedstat");
}

Status AddMeminfo(std::string_view text, FrameBuilder& out) {
  double total = 0, available = 0, cached = 0, buffers = 0;
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    double value = 0;
    if (fields.size() < 2 || !fields[0].ends_with(':') || !Number(fields[1], value)) continue;
    const std::string_view key = fields[0].substr(0, fields[0].size() - 1);
    name.assign("node_memory_");
    for (const char c : key) {
      if (c == '(') name += '_';
      if (c != '(' && c != ')') name += c;
    }
    if (fields.size() >= 3 && fields[2] == "kB") {
      value *= 1024;
      name += "_bytes";
    }
    out.Add(name, {}, kGauge, value);
    if (key == "MemTotal") total = value;
    if (key == "MemAvailable") available = value;
    if (key == "Cached") cached = value;
    if (key == "Buffers") buffers = value;
    ++lines;
  }
  OPS_RETURN_IF_ERROR(Understood(lines, "meminfo"));
  if (total <= 0) return {};
  const auto usage = [&](std::string_view type, double bytes) {
    out.Add("system_memory_usage_bytes", {{"type", type}}, kGauge, bytes);
  };
  usage("used", total - available);  // What `free` calls used: total - available.
  usage("available", available);
  usage("cached", cached);
  usage("buffers", buffers);
  out.Add("system_memory_usage_percent", {}, kGauge, 100 * (total - available) / total);
  return {};
}

Status AddVmstat(std::string_view text, FrameBuilder& out) {
  const auto kept = [](std::string_view key) {  // As node_exporter: oom_kill|pgpg|pswp|pg.*fault
    if (key.starts_with("oom_kill")) return true;
    if (key.starts_with("pg")) {
      return key.starts_with("pgpg") || key.find("fault") != std::string_view::npos;
    }
    return key.starts_with("pswp");
  };
  std::size_t lines = 0;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, blank);
    double value = 0;
    if (lines != 0 && !kept(key)) continue;  // Only these are looked at any closer.
    if (!Number(Trim(line.substr(blank)), value)) continue;
    ++lines;
    if (!kept(key)) continue;
    name.assign("node_vmstat_").append(key);
    out.Add(name, {}, kCounter, value);
  }
  return Understood(lines, "vmstat");
}

Status AddPressure(std::string_view resource, std::string_view text, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.size() < 2 || !fields.back().starts_with("total=")) continue;
    double total_us = 0;
    if (!Number(fields.back().substr(6), total_us)) continue;
    ++lines;
    const bool some = fields[0] == "some";
    if (!some && resource == "cpu") continue;  // Always 0 for the whole system.
    name.assign("node_pressure_").append(resource);
    name.append(some ? "_waiting_seconds_total" : "_stalled_seconds_total");
    out.Add(name, {}, kCounter, Scaled(total_us, 1e-6));
  }
  if (lines == 0) return Invalid(fmt::format("pressure/{}: no line understood", resource));
  return {};
}

Status AddFileNr(std::string_view text, FrameBuilder& out) {
  const Fields fields(Trim(text));
  double open = 0, maximum = 0;
  if (fields.size() != 3 || !Number(fields[0], open) || !Number(fields[2], maximum)) {
    return Invalid(fmt::format("file-nr: {}", Trim(text).substr(0, 80)));
  }
  out.Add("node_filefd_allocated", {}, kGauge, open);
  out.Add("node_filefd_maximum", {}, kGauge, maximum);
  out.Add("system_file_descriptors_open", {}, kGauge, open);
  return {};
}

}  // namespace opssight
