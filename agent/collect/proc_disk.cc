#include "agent/collect/proc_disk.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/collect/fields.h"
#include "agent/collect/proc_kernel.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;
constexpr double kSectorBytes = 512;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

template <std::size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

// path is dir or below it.
bool IsIn(std::string_view path, std::string_view dir) {
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

bool IgnoredPath(std::string_view path) {
  if (IsIn(path, "/dev") || IsIn(path, "/proc") || IsIn(path, "/sys")) return true;
  for (const std::string_view below :
       {"/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/"}) {
    if (path.starts_with(below) && path.size() > below.size()) return true;
  }
  return false;
}

bool IgnoredType(std::string_view type) {
  constexpr std::array<std::string_view, 27> kIgnored = {
      "autofs",   "binfmt_misc", "bpf",     "cgroup",    "cgroup2",    "configfs",   "debugfs",
      "devpts",   "devtmpfs",    "fusectl", "hugetlbfs", "iso9660",    "mqueue",     "nsfs",
      "overlay",  "proc",        "procfs",  "pstore",    "rpc_pipefs", "securityfs", "selinuxfs",
      "squashfs", "erofs",       "sysfs",   "tracefs",   "efivarfs",   "ramfs"};
  return OneOf(type, kIgnored);
}

bool IsRemote(std::string_view type) {
  constexpr std::array<std::string_view, 17> kRemote = {
      "nfs",  "nfs4", "cifs",   "smb3",  "smbfs",  "ncpfs", "ceph", "9p",  "afs",
      "coda", "gfs2", "lustre", "ocfs2", "beegfs", "davfs", "fuse", "gpfs"};
  return type.starts_with("fuse.") || OneOf(type, kRemote);
}

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

bool IgnoredDisk(std::string_view device) {
  std::size_t end = device.size();
  while (end > 0 && IsDigit(device[end - 1])) --end;
  if (end == device.size()) return false;
  const std::string_view stem = device.substr(0, end);
  constexpr std::array<std::string_view, 4> kStems = {"ram", "zram", "loop", "fd"};
  if (OneOf(stem, kStems)) return true;
  if (stem.starts_with("nvme") && stem.ends_with('p') && stem.size() > 5) {  // nvme0n1p2
    return IsDigit(stem[4]) && stem.find('n', 4) != std::string_view::npos;
  }
  const std::string_view bus = stem.substr(0, stem.size() - std::min<std::size_t>(stem.size(), 1));
  return (bus == "hd" || bus == "sd" || bus == "vd" || bus == "xvd") && stem.back() >= 'a' &&
         stem.back() <= 'z';
}

Status AddDiskstats(std::string_view text, FrameBuilder& out) {
  struct Column {
    std::string_view name;
    double scale;
    MetricType type;
  };
  static constexpr std::array<Column, 17> kColumns = {{
      {"node_disk_reads_completed_total", 1, kCounter},
      {"node_disk_reads_merged_total", 1, kCounter},
      {"node_disk_read_bytes_total", kSectorBytes, kCounter},
      {"node_disk_read_time_seconds_total", 1e-3, kCounter},
      {"node_disk_writes_completed_total", 1, kCounter},
      {"node_disk_writes_merged_total", 1, kCounter},
      {"node_disk_written_bytes_total", kSectorBytes, kCounter},
      {"node_disk_write_time_seconds_total", 1e-3, kCounter},
      {"node_disk_io_now", 1, kGauge},
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
    fields.Split(line);
    if (fields.size() < 14) continue;
    ++lines;
    if (IgnoredDisk(fields[2])) continue;
    for (std::size_t i = 0; i < kColumns.size() && i + 3 < fields.size(); ++i) {
      double value = 0;
      if (!Number(fields[i + 3], value)) continue;
      out.Add(kColumns[i].name, {{"device", fields[2]}}, kColumns[i].type,
              Scaled(value, kColumns[i].scale));
    }
  }
  return Understood(lines, "diskstats");
}

std::vector<Disk> ParseDisks(std::string_view text) {
  std::vector<Disk> disks;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    if (fields.size() < 14 || IgnoredDisk(fields[2])) continue;
    disks.push_back({.device = fields[2], .major = fields[0], .minor = fields[1]});
  }
  return disks;
}

void AddDiskInfo(const Disk& disk, std::string_view udev, FrameBuilder& out) {
  static constexpr std::array<std::string_view, 5> kKeys = {
      "E:ID_MODEL=", "E:ID_PATH=", "E:ID_REVISION=", "E:ID_SERIAL_SHORT=", "E:ID_WWN="};
  std::array<std::string_view, kKeys.size()> values;
  for (std::string_view line; NextLine(udev, line);) {
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      if (line.starts_with(kKeys[i])) values[i] = line.substr(kKeys[i].size());
    }
  }
  out.Add("node_disk_info",
          {{"device", disk.device},
           {"major", disk.major},
           {"minor", disk.minor},
           {"model", values[0]},
           {"path", values[1]},
           {"revision", values[2]},
           {"serial", values[3]},
           {"wwn", values[4]}},
          kGauge, 1);
}

std::vector<Mount> ParseMounts(std::string_view text, std::size_t mounts_max) {
  std::vector<Mount> mounts;
  Fields fields;
  for (std::string_view line; NextLine(text, line);) {
    fields.Split(line);
    std::size_t dash = 6;  // Optional fields stand before it.
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 2 >= fields.size()) continue;
    Mount mount{.device = Unescaped(fields[dash + 2]),
                .path = Unescaped(fields[4]),
                .type = std::string(fields[dash + 1])};
    const std::string_view options = fields[5];
    mount.read_only = options == "ro" || options.starts_with("ro,");
    const bool root = mount.path == "/";
    mount.remote = !root && IsRemote(mount.type);
    if (!root && (IgnoredPath(mount.path) || IgnoredType(mount.type))) continue;
    const auto same = std::find_if(mounts.begin(), mounts.end(),
                                   [&](const Mount& other) { return other.path == mount.path; });
    if (same != mounts.end()) mounts.erase(same);
    if (mounts.size() == mounts_max) break;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

namespace {

void AddNode(std::string_view name, const Mount& mount, double value, FrameBuilder& out) {
  out.Add(name, {{"device", mount.device}, {"fstype", mount.type}, {"mountpoint", mount.path}},
          kGauge, value);
}

}  // namespace

void AddFilesystem(const Mount& mount, const FilesystemUsage& usage, FrameBuilder& out) {
  AddNode("node_filesystem_size_bytes", mount, usage.size_bytes, out);
  AddNode("node_filesystem_free_bytes", mount, usage.free_bytes, out);
  AddNode("node_filesystem_avail_bytes", mount, usage.available_bytes, out);
  AddNode("node_filesystem_files", mount, usage.files, out);
  AddNode("node_filesystem_files_free", mount, usage.files_free, out);
  AddNode("node_filesystem_readonly", mount, mount.read_only ? 1 : 0, out);
  AddNode("node_filesystem_device_error", mount, 0, out);
  const double used = usage.size_bytes - usage.free_bytes;
  const auto bytes = [&](std::string_view type, double value) {
    out.Add("system_disk_usage_bytes", {{"path", mount.path}, {"type", type}}, kGauge, value);
  };
  bytes("used", used);
  bytes("free", usage.available_bytes);
  bytes("total", usage.size_bytes);
  const double reachable = used + usage.available_bytes;  // What df divides by.
  out.Add("system_disk_usage_percent", {{"path", mount.path}}, kGauge,
          reachable > 0 ? 100 * used / reachable : 0);
}

void AddFilesystemError(const Mount& mount, FrameBuilder& out) {
  AddNode("node_filesystem_readonly", mount, mount.read_only ? 1 : 0, out);
  AddNode("node_filesystem_device_error", mount, 1, out);
}

}  // namespace opssight
