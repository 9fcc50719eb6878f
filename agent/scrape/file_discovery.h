// FileDiscovery reads the targets of file_sd_configs: at the start, when a file changes
// (inotify), and at an interval. A file that cannot be read or parsed keeps the targets it
// had; one that is gone has none. On the loop, the construction and the end too; the files
// are small and read there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/scrape/options.h"
#include "agent/scrape/target.h"
#include "common/net/loop.h"
#include "common/net/timer.h"

namespace opssight {

// The targets of one source, in place of those it had. Empty: the source has none.
using OnTargets = std::function<void(const std::string& source, std::vector<TargetLabels> found)>;

class FileDiscovery {
 public:
  // failed counts files that could not be used.
  FileDiscovery(Loop& loop, FileDiscoveryOptions options, OnTargets on_targets,
                std::function<void()> failed);
  ~FileDiscovery();
  FileDiscovery(const FileDiscovery&) = delete;
  FileDiscovery& operator=(const FileDiscovery&) = delete;

  void Start();

 private:
  struct Watch;
  void Refresh() OPS_REQUIRES(loop_);
  void ReadOne(const std::string& path);
  void WatchDirs() OPS_REQUIRES(loop_);
  void Unwatch();

  Loop& loop_;
  const FileDiscoveryOptions options_;
  const OnTargets on_targets_;
  const std::function<void()> failed_;
  Timer refresh_;
  Timer soon_;                                 // After a change: a writer may make several.
  std::map<std::string, std::uint64_t> read_;  // By path, the hash of what was read.
  std::vector<Watch*> watches_;                // Of folders.
};

}  // namespace opssight
