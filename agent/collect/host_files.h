// HostFiles reads the host's /proc and /sys under a root: "" on a host itself,
// "/host" in a container that has the host's trees mounted there, a fixture tree
// in tests. Reads whole files up to kFileBytesMax; belongs to one thread.
//
// Made for reading the same files round after round: a file of procfs, sysfs or
// cgroupfs stays open and is read again by pread (at most kOpenMax of them; of any
// other file system a file is opened each time, as it may be replaced), a file that
// is absent is not looked for again for kSlowRounds rounds. Once all is open,
// reading does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"

namespace opssight {

class HostFiles {
 public:
  static constexpr std::size_t kFileBytesMax = 4UL << 20;
  static constexpr std::size_t kOpenMax = 512;
  static constexpr std::uint64_t kSlowRounds = 6;
  static constexpr std::uint64_t kForgetRounds = 64;  // What was not asked for so long.

  explicit HostFiles(std::string root) : root_(std::move(root)) {}
  ~HostFiles();
  HostFiles(const HostFiles&) = delete;
  HostFiles& operator=(const HostFiles&) = delete;

  // A round begins.
  void NextRound();

  // Contents of root + path, or of root + path + "/" + name. The view is valid until
  // the next call. kNotFound where there is no such file (an absent kernel feature) or
  // what it spoke of is gone, kIo otherwise, kExhausted above kFileBytesMax.
  Result<std::string_view> Read(std::string_view path, std::string_view name = {});
  // For a file that may be of a process: does not hold it open.
  Result<std::string_view> ReadOnce(std::string_view path, std::string_view name = {});
  // For what hardly changes: read at every kSlowRounds-th round, another file at another
  // one. The view is valid until the next round.
  Result<std::string_view> ReadSlow(std::string_view path, std::string_view name = {});
  // The number in a file, trimmed; false where there is none.
  bool ReadNumber(std::string_view path, std::string_view name, double& value);
  bool ReadSlowNumber(std::string_view path, std::string_view name, double& value);

  // Each line of a table of any size, in pieces; a line over 64 KiB ends it. Of procfs the
  // table's lines must be short (below 2 KiB): there a piece of less than half a page is
  // taken for the last, as a read at the end of net/tcp walks the whole table once more.
  Status ForEachLine(std::string_view path, const std::function<void(std::string_view)>& line);
  // Each name in a directory but "." and "..", as the kernel orders them.
  void ForEachName(std::string_view path,
                   const std::function<void(std::string_view name, bool is_dir)>& name);
  // The same sorted; empty where there is none.
  std::vector<std::string> List(std::string_view path);
  // Read as rarely as ReadSlow; valid until the next round.
  const std::vector<std::string>& ListSlow(std::string_view path);
  // Hard links of a directory, 0 where there is none. Of /proc it follows the processes.
  std::uint64_t Links(std::string_view path);
  // Subdirectories' names into names (cleared). Knows from the link count of a directory
  // of cgroupfs that there are none, without reading it.
  void ListDirs(std::string_view path, std::vector<std::string>& names);

  std::string Path(std::string_view path) const { return root_ + std::string(path); }
  const std::string& root() const { return root_; }
  std::size_t open_files() const { return open_files_; }

 private:
  struct Entry {
    int fd = -1;
    bool whole = false;     // Of sysfs: one read gives all there is.
    std::size_t bytes = 0;  // Read last time.
    std::uint64_t used_round = 0;
    std::uint64_t due_round = 0;  // Of a slow or absent file: not read before.
    bool absent = false;
    std::string text;                // Slow files.
    std::vector<std::string> names;  // Slow directories.
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };

  Entry& EntryOf(std::string_view path, std::string_view name);
  Result<std::string_view> ReadEntry(Entry& entry, bool keep);
  Result<int> OpenEntry(Entry& entry);
  Result<std::string_view> ReadAll(Entry& entry, int& error);
  void Close(Entry& entry);
  Error Absent(Entry& entry);

  const std::string root_;
  std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> entries_;
  std::string full_;    // The path last built by EntryOf.
  std::string buffer_;  // What was last read.
  std::uint64_t round_ = 0;
  std::size_t open_files_ = 0;
};

}  // namespace opssight
