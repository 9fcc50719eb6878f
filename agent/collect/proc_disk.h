// Kernel texts to samples: block devices and file systems. As proc_kernel.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/frame.h"

namespace opssight {

// Partitions of plain disks, loop, ram and floppy devices, as node_exporter leaves out.
bool IgnoredDisk(std::string_view device);

Status AddDiskstats(std::string_view text, FrameBuilder& out);

struct Disk {
  std::string_view device, major, minor;  // "vda", "254", "0": views into the text.
};
// The devices of a diskstats that are not ignored.
std::vector<Disk> ParseDisks(std::string_view text);
// node_disk_info; udev is the text of /run/udev/data/b<major>:<minor> or empty.
void AddDiskInfo(const Disk& disk, std::string_view udev, FrameBuilder& out);

// A mount of /proc/1/mountinfo that is worth a statvfs.
struct Mount {
  std::string device;
  std::string path;
  std::string type;
  bool read_only = false;
  bool remote = false;  // A server or a user's program answers a statvfs, or nobody does.
};
// Pseudo and container file systems are left out, as node_exporter does; of several on
// one path the last, which is the one that is seen. At most mounts_max.
std::vector<Mount> ParseMounts(std::string_view text, std::size_t mounts_max);

struct FilesystemUsage {
  double size_bytes = 0, free_bytes = 0, available_bytes = 0, files = 0, files_free = 0;
};
void AddFilesystem(const Mount& mount, const FilesystemUsage& usage, FrameBuilder& out);
// A mount whose statvfs failed.
void AddFilesystemError(const Mount& mount, FrameBuilder& out);

}  // namespace opssight
