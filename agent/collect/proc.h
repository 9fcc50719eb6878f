// Kernel texts to samples: each function takes the text of one file and adds its
// samples to a frame. Names are node_exporter's, so public dashboards work
// unchanged, and beside them the product's own (system_*). A line that is not
// understood is skipped; a text without any line that is, is kInvalid.
// No file, no clock. Format of each: proc(5) and the kernel's Documentation.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

// Remembers the last round's CPU times, for the ready-made percentage.
struct CpuUsage {
  double busy_s = 0;
  double total_s = 0;
};

Status AddStat(std::string_view text, CpuUsage& last, FrameBuilder& out);  // /proc/stat
Status AddLoadavg(std::string_view text, FrameBuilder& out);
Status AddMeminfo(std::string_view text, FrameBuilder& out);
Status AddVmstat(std::string_view text, FrameBuilder& out);
Status AddDiskstats(std::string_view text, FrameBuilder& out);
Status AddNetDev(std::string_view text, FrameBuilder& out);  // /proc/net/dev
Status AddSnmp(std::string_view text, FrameBuilder& out);    // /proc/net/snmp and netstat
Status AddSockstat(std::string_view text, FrameBuilder& out);
Status AddTcpStates(std::string_view tcp, std::string_view tcp6, FrameBuilder& out);
Status AddPressure(std::string_view resource, std::string_view text, FrameBuilder& out);
Status AddFileNr(std::string_view text, FrameBuilder& out);
Status AddUptime(std::string_view text, FrameBuilder& out);

// A mount of /proc/1/mountinfo that is worth a statvfs.
struct Mount {
  std::string device;
  std::string path;
  std::string type;
  bool read_only = false;
};
// Pseudo and container file systems are left out, as node_exporter does; a device
// mounted on one path twice comes once.
std::vector<Mount> ParseMounts(std::string_view text);

struct FilesystemUsage {
  double size_bytes = 0, free_bytes = 0, available_bytes = 0, files = 0, files_free = 0;
};
void AddFilesystem(const Mount& mount, const FilesystemUsage& usage, FrameBuilder& out);

}  // namespace opssight
