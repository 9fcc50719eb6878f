#include "agent/collect/proc.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <re2/re2.h>

#include "agent/collect/fields.h"
#include "common/text/number.h"

namespace opssight {
namespace {

using Fields = std::vector<std::string_view>;

constexpr double kUserHz = 100;  // USER_HZ: fixed by the kernel's ABI on Linux.
constexpr double kSectorBytes = 512;

Status Understood(std::size_t lines, std::string_view what) {
  if (lines == 0) return Invalid(fmt::format("{}: no line understood", what));
  return {};
}

bool Matches(std::string_view text, const re2::RE2& regex) {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), regex);
}

}  // namespace

Status AddStat(std::string_view text, CpuUsage& last, FrameBuilder& out) {
  constexpr std::array<std::string_view, 8> kModes = {"user",   "nice", "system",  "idle",
                                                      "iowait", "irq",  "softirq", "steal"};
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSingles = {{
      {"ctxt", "node_context_switches_total"},
      {"btime", "node_boot_time_seconds"},
      {"processes", "node_forks_total"},
      {"procs_running", "node_procs_running"},
      {"procs_blocked", "node_procs_blocked"},
  }};
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    if (fields.size() < 2) continue;
    double value = 0;
    if (fields[0] == "cpu" && fields.size() >= 9) {
      CpuUsage now;
      for (std::size_t i = 0; i < kModes.size(); ++i) {
        if (!Number(fields[i + 1], value)) continue;
        now.total_s += value / kUserHz;
        if (kModes[i] != "idle" && kModes[i] != "iowait") now.busy_s += value / kUserHz;
      }
      const double total = now.total_s - last.total_s;
      const double busy = now.busy_s - last.busy_s;
      out.Add("system_cpu_usage_percent", {}, MetricType::kGauge,
              total > 0 ? std::clamp(100 * busy / total, 0.0, 100.0) : 0);
      last = now;
      ++lines;
    } else if (fields[0].starts_with("cpu") && fields.size() >= 9) {
      for (std::size_t i = 0; i < kModes.size(); ++i) {
        if (!Number(fields[i + 1], value)) continue;
        out.Add("node_cpu_seconds_total", {{"cpu", fields[0].substr(3)}, {"mode", kModes[i]}},
                MetricType::kCounter, value / kUserHz);
      }
      ++lines;
    } else if (fields[0] == "intr" && Number(fields[1], value)) {
      out.Add("node_intr_total", {}, MetricType::kCounter, value);
    } else {
      for (const auto& [key, name] : kSingles) {
        if (fields[0] != key || !Number(fields[1], value)) continue;
        out.Add(name, {},
                key == "ctxt" || key == "processes" ? MetricType::kCounter : MetricType::kGauge,
                value);
        ++lines;
      }
    }
  }
  return Understood(lines, "stat");
}

Status AddLoadavg(std::string_view text, FrameBuilder& out) {
  Fields fields;
  SplitFields(Trim(text), fields);
  std::array<double, 3> load{};
  if (fields.size() < 3 || !Number(fields[0], load[0]) || !Number(fields[1], load[1]) ||
      !Number(fields[2], load[2])) {
    return Invalid(fmt::format("loadavg: {}", Trim(text).substr(0, 80)));
  }
  constexpr std::array<std::string_view, 3> kNode = {"node_load1", "node_load5", "node_load15"};
  constexpr std::array<std::string_view, 3> kSystem = {"system_cpu_load_1m", "system_cpu_load_5m",
                                                       "system_cpu_load_15m"};
  for (std::size_t i = 0; i < 3; ++i) {
    out.Add(kNode[i], {}, MetricType::kGauge, load[i]);
    out.Add(kSystem[i], {}, MetricType::kGauge, load[i]);
  }
  return {};
}

Status AddMeminfo(std::string_view text, FrameBuilder& out) {
  double total = 0, available = 0, cached = 0, buffers = 0;
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double value = 0;
    if (fields.size() < 2 || !fields[0].ends_with(':') || !Number(fields[1], value)) continue;
    std::string_view key = fields[0].substr(0, fields[0].size() - 1);
    name.assign("node_memory_");
    for (const char c : key) {
      if (c == '(') name += '_';
      if (c != '(' && c != ')') name += c;
    }
    if (fields.size() >= 3 && fields[2] == "kB") {
      value *= 1024;
      name += "_bytes";
    }
    out.Add(name, {}, MetricType::kGauge, value);
    if (key == "MemTotal") total = value;
    if (key == "MemAvailable") available = value;
    if (key == "Cached") cached = value;
    if (key == "Buffers") buffers = value;
    ++lines;
  }
  OPS_RETURN_IF_ERROR(Understood(lines, "meminfo"));
  if (total <= 0) return {};
  const auto usage = [&](std::string_view type, double bytes) {
    out.Add("system_memory_usage_bytes", {{"type", type}}, MetricType::kGauge, bytes);
  };
  usage("used", total - available);  // What `free` calls used: total - available.
  usage("available", available);
  usage("cached", cached);
  usage("buffers", buffers);
  out.Add("system_memory_usage_percent", {}, MetricType::kGauge, 100 * (total - available) / total);
  return {};
}

Status AddVmstat(std::string_view text, FrameBuilder& out) {
  static const re2::RE2 kept("oom_kill|pgpg.*|pswp.*|pg.*fault");
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    double value = 0;
    if (fields.size() != 2 || !Number(fields[1], value)) continue;
    ++lines;
    if (!Matches(fields[0], kept)) continue;
    name.assign("node_vmstat_").append(fields[0]);
    out.Add(name, {}, MetricType::kCounter, value);
  }
  return Understood(lines, "vmstat");
}

Status AddDiskstats(std::string_view text, FrameBuilder& out) {
  static const re2::RE2 ignored("(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+");
  struct Column {
    std::string_view name;
    double scale;
    MetricType type;
  };
  constexpr MetricType kCounter = MetricType::kCounter;
  static constexpr std::array<Column, 17> kColumns = {{
      {"node_disk_reads_completed_total", 1, kCounter},
      {"node_disk_reads_merged_total", 1, kCounter},
      {"node_disk_read_bytes_total", kSectorBytes, kCounter},
      {"node_disk_read_time_seconds_total", 1e-3, kCounter},
      {"node_disk_writes_completed_total", 1, kCounter},
      {"node_disk_writes_merged_total", 1, kCounter},
      {"node_disk_written_bytes_total", kSectorBytes, kCounter},
      {"node_disk_write_time_seconds_total", 1e-3, kCounter},
      {"node_disk_io_now", 1, MetricType::kGauge},
      {"node_disk_io_time_seconds_total", 1e-3, kCounter},
      {"node_disk_io_time_weighted_seconds_total", 1e-3, kCounter},
      {"node_disk_discards_completed_total", 1, kCounter},
      {"node_disk_discards_merged_total", 1, kCounter},
      {"node_disk_discarded_sectors_total", 1, kCounter},
      {"node_disk_discard_time_seconds_total", 1e-3, kCounter},
      {"node_disk_flush_requests_total", 1, kCounter},
      {"node_disk_flush_requests_time_seconds_total", 1e-3, kCounter},
  }};
  std::size_t lines = 0;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    if (fields.size() < 14) continue;
    ++lines;
    if (Matches(fields[2], ignored)) continue;
    for (std::size_t i = 0; i < kColumns.size() && i + 3 < fields.size(); ++i) {
      double value = 0;
      if (!Number(fields[i + 3], value)) continue;
      out.Add(kColumns[i].name, {{"device", fields[2]}}, kColumns[i].type,
              value * kColumns[i].scale);
    }
  }
  return Understood(lines, "diskstats");
}

Status AddNetDev(std::string_view text, FrameBuilder& out) {
  constexpr std::array<std::string_view, 8> kReceive = {
      "bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"};
  constexpr std::array<std::string_view, 8> kTransmit = {
      "bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed"};
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view device = Trim(line.substr(0, colon));
    SplitFields(line.substr(colon + 1), fields);
    if (fields.size() < 16) continue;
    ++lines;
    for (std::size_t i = 0; i < 16; ++i) {
      double value = 0;
      if (!Number(fields[i], value)) continue;
      const bool receive = i < 8;
      name.assign(receive ? "node_network_receive_" : "node_network_transmit_")
          .append(receive ? kReceive[i] : kTransmit[i - 8])
          .append("_total");
      out.Add(name, {{"device", device}}, MetricType::kCounter, value);
      if (i % 8 == 0) {
        out.Add("system_network_bytes_total",
                {{"direction", receive ? "rx" : "tx"}, {"interface", device}}, MetricType::kCounter,
                value);
      }
    }
  }
  return Understood(lines, "net/dev");
}

Status AddSnmp(std::string_view text, FrameBuilder& out) {
  static const re2::RE2 kept(
      ".*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
      "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"
      "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
      "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors)");
  std::size_t lines = 0;
  Fields names, values;
  std::string name;
  for (std::string_view head, line; NextLine(text, head) && NextLine(text, line);) {
    SplitFields(head, names);
    SplitFields(line, values);
    if (names.empty() || names.size() != values.size() || names[0] != values[0]) continue;
    const std::string_view protocol = names[0].substr(0, names[0].size() - 1);
    ++lines;
    for (std::size_t i = 1; i < names.size(); ++i) {
      double value = 0;
      if (!Number(values[i], value)) continue;
      name.assign(protocol).append("_").append(names[i]);
      if (!Matches(name, kept)) continue;
      name.insert(0, "node_netstat_");
      out.Add(name, {}, MetricType::kUnknown, value);
    }
  }
  return Understood(lines, "net/snmp");
}

Status AddSockstat(std::string_view text, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    if (fields.size() < 3 || !fields[0].ends_with(':')) continue;
    ++lines;
    const std::string_view protocol = fields[0].substr(0, fields[0].size() - 1);
    for (std::size_t i = 1; i + 1 < fields.size(); i += 2) {
      double value = 0;
      if (!Number(fields[i + 1], value)) continue;
      name.assign("node_sockstat_").append(protocol).append("_").append(fields[i]);
      out.Add(name, {}, MetricType::kGauge, value);
    }
  }
  return Understood(lines, "net/sockstat");
}

Status AddTcpStates(std::string_view tcp, std::string_view tcp6, FrameBuilder& out) {
  constexpr std::array<std::string_view, 13> kStates = {
      "",      "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",   "time_wait",
      "close", "close_wait",  "last_ack", "listen",   "closing",   "new_syn_recv"};
  std::array<double, 13> counts{};
  Fields fields;
  for (std::string_view text : {tcp, tcp6}) {
    for (std::string_view line; NextLine(text, line);) {
      SplitFields(line, fields);
      if (fields.size() < 4) continue;
      const auto state = ParseInt<std::size_t>(fields[3], 16);
      if (state && *state >= 1 && *state < counts.size()) ++counts[*state];
    }
  }
  for (std::size_t i = 1; i < kStates.size(); ++i) {
    out.Add("node_tcp_connection_states", {{"state", kStates[i]}}, MetricType::kGauge, counts[i]);
  }
  return {};
}

Status AddPressure(std::string_view resource, std::string_view text, FrameBuilder& out) {
  std::size_t lines = 0;
  Fields fields;
  std::string name;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    if (fields.size() < 2 || !fields.back().starts_with("total=")) continue;
    double total_us = 0;
    if (!Number(fields.back().substr(6), total_us)) continue;
    ++lines;
    const bool some = fields[0] == "some";
    if (!some && resource == "cpu") continue;  // Always 0 for the whole system.
    name.assign("node_pressure_").append(resource);
    name.append(some ? "_waiting_seconds_total" : "_stalled_seconds_total");
    out.Add(name, {}, MetricType::kCounter, total_us * 1e-6);
  }
  return Understood(lines, fmt::format("pressure/{}", resource));
}

Status AddFileNr(std::string_view text, FrameBuilder& out) {
  Fields fields;
  SplitFields(Trim(text), fields);
  double open = 0, maximum = 0;
  if (fields.size() != 3 || !Number(fields[0], open) || !Number(fields[2], maximum)) {
    return Invalid(fmt::format("file-nr: {}", Trim(text).substr(0, 80)));
  }
  out.Add("node_filefd_allocated", {}, MetricType::kGauge, open);
  out.Add("node_filefd_maximum", {}, MetricType::kGauge, maximum);
  out.Add("system_file_descriptors_open", {}, MetricType::kGauge, open);
  return {};
}

Status AddUptime(std::string_view text, FrameBuilder& out) {
  Fields fields;
  SplitFields(Trim(text), fields);
  double seconds = 0;
  if (fields.empty() || !Number(fields[0], seconds)) {
    return Invalid(fmt::format("uptime: {}", Trim(text).substr(0, 80)));
  }
  out.Add("system_uptime_seconds", {}, MetricType::kGauge, seconds);
  return {};
}

namespace {

// \040 and friends, as the kernel writes blanks in paths (seq_path(9)).
std::string Unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto code = ParseInt<unsigned>(text.substr(i + 1, 3), 8); code && *code < 256) {
        out += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

std::vector<Mount> ParseMounts(std::string_view text) {
  static const re2::RE2 ignored_paths(
      "/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/.*)");
  static const re2::RE2 ignored_types(
      "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|"
      "mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|"
      "tracefs");
  std::vector<Mount> mounts;
  std::set<std::string> seen;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    SplitFields(line, fields);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 7 || fields.end() - dash < 3) continue;
    Mount mount{
        .device = Unescaped(dash[2]), .path = Unescaped(fields[4]), .type = std::string(dash[1])};
    const std::string_view options = fields[5];
    mount.read_only = options == "ro" || options.starts_with("ro,");
    const bool root = mount.path == "/";
    if (!root && (Matches(mount.path, ignored_paths) || Matches(mount.type, ignored_types)))
      continue;
    if (seen.insert(mount.path).second) mounts.push_back(std::move(mount));
  }
  return mounts;
}

void AddFilesystem(const Mount& mount, const FilesystemUsage& usage, FrameBuilder& out) {
  const auto node = [&](std::string_view name, double value) {
    out.Add(name, {{"device", mount.device}, {"fstype", mount.type}, {"mountpoint", mount.path}},
            MetricType::kGauge, value);
  };
  node("node_filesystem_size_bytes", usage.size_bytes);
  node("node_filesystem_free_bytes", usage.free_bytes);
  node("node_filesystem_avail_bytes", usage.available_bytes);
  node("node_filesystem_files", usage.files);
  node("node_filesystem_files_free", usage.files_free);
  node("node_filesystem_readonly", mount.read_only ? 1 : 0);
  const double used = usage.size_bytes - usage.free_bytes;
  const auto bytes = [&](std::string_view type, double value) {
    out.Add("system_disk_usage_bytes", {{"path", mount.path}, {"type", type}}, MetricType::kGauge,
            value);
  };
  bytes("used", used);
  bytes("free", usage.available_bytes);
  bytes("total", usage.size_bytes);
  const double reachable = used + usage.available_bytes;  // What df divides by.
  out.Add("system_disk_usage_percent", {{"path", mount.path}}, MetricType::kGauge,
          reachable > 0 ? 100 * used / reachable : 0);
}

}  // namespace opssight
