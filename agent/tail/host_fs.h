// The file system as the tailer sees it: paths under host_root, so that a symlink with an
// absolute target stays inside it; globs; older files beside a live one. Every call
// reads and none waits for anything but the disk.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tail/checkpoint.h"
#include "agent/tail/file_names.h"
#include "common/base/result.h"

namespace opssight {

struct FileStat {
  FileId id;
  std::int64_t birth_ns = 0;  // 0: unknown.
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;
  bool deleted = false;  // No name is left.
  bool regular = false;
  bool directory = false;
};

// kNotFound where there is no such file, kIo otherwise.
Result<FileStat> StatFile(const std::string& path);
Result<FileStat> StatFd(int fd);

struct RealPath {
  std::string path;     // With root in front.
  bool linked = false;  // A symlink was on the way: it may lead elsewhere later.
};
// Follows symlinks as a process whose / is root. host_path starts with '/'.
Result<RealPath> ResolveUnder(const std::string& root, std::string_view host_path);

struct GlobFound {
  std::set<std::string> files;  // Host paths: without root.
  std::set<std::string> dirs;   // Real paths of the directories that were read, or of the
                                // last one there is on the way to them.
};
// Adds what is there. `**` goes into no symlink and at most 16 folders deep.
void ExpandGlob(const std::string& root, const std::string& pattern, GlobFound& found);

// Names in directories, sorted; read once while the directory does not change. For the
// length of one scan, which looks at many files of a directory.
class DirNames {
 public:
  const std::vector<std::string>& Of(const std::string& dir);
  void Clear() { dirs_.clear(); }

 private:
  struct Dir {
    std::int64_t modified_ns = 0;
    std::vector<std::string> names;
  };
  std::map<std::string, Dir> dirs_;
};

struct RotatedFile {
  std::string path;
  RotatedName name;
  FileStat stat;
};
// Older files of the live file at real_path, oldest first: by number if all have one, by
// date if all have one, else by time of change. Of x.1 and x.1.gz only the first.
std::vector<RotatedFile> ListRotated(const std::string& real_path, DirNames& names);
std::vector<RotatedFile> ListRotated(const std::string& real_path);  // Without a memory.

// A small file as a whole; at most bytes_max of it.
Result<std::string> ReadSmallFile(const std::string& path, std::size_t bytes_max);

}  // namespace opssight
