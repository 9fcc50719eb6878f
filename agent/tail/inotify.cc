#include "agent/tail/inotify.h"

#include <cerrno>
#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::uint32_t kStructure =
    IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kMask = kStructure | IN_MODIFY | IN_ONLYDIR;
// Reads of one Drain(), so that a busy directory does not hold the loop.
constexpr int kReadsMax = 8;

}  // namespace

Result<std::unique_ptr<Inotify>> Inotify::Open() {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return IoError("tail: open inotify", errno);
  return std::unique_ptr<Inotify>(new Inotify(fd));
}

Inotify::~Inotify() {
  close(fd_);
}

bool Inotify::Watch(const std::string& dir) {
  const int watch = inotify_add_watch(fd_, dir.c_str(), kMask);
  if (watch < 0) {
    const int error = errno;
    if (error == ENOSPC) {
      OPS_LOG_EVERY(600, kWarn,
                    "tail: {}: the limit of inotify watches is reached; polling instead (raise "
                    "fs.inotify.max_user_watches)",
                    dir);
    } else if (error != ENOENT && error != ENOTDIR) {
      OPS_LOG_EVERY(600, kWarn, "tail: {}: no inotify watch: {}; polling instead", dir,
                    std::strerror(error));
    }
    Unwatch(dir);
    return false;
  }
  const auto known = by_dir_.find(dir);
  if (known != by_dir_.end() && known->second == watch) return true;
  if (known != by_dir_.end()) by_watch_.erase(known->second);  // Removed and made anew.
  by_dir_[dir] = watch;
  by_watch_[watch] = dir;
  return true;
}

void Inotify::Unwatch(const std::string& dir) {
  const auto known = by_dir_.find(dir);
  if (known == by_dir_.end()) return;
  inotify_rm_watch(fd_, known->second);
  by_watch_.erase(known->second);
  by_dir_.erase(known);
}

void Inotify::Drain(Tailer& tailer) {
  alignas(inotify_event) char buffer[16'384];
  for (int i = 0; i < kReadsMax; ++i) {
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    if (size <= 0) return;
    for (const char* at = buffer; at < buffer + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* const name = at + sizeof event;
      at = name + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        tailer.OnOverflow();
        continue;
      }
      const auto dir = by_watch_.find(event.wd);
      if (dir == by_watch_.end()) continue;
      tailer.OnChange(dir->second, event.len == 0 ? "" : name, (event.mask & kStructure) != 0);
      if ((event.mask & IN_IGNORED) != 0) {  // Its directory is gone.
        by_dir_.erase(dir->second);
        by_watch_.erase(dir);
      }
    }
  }
}

}  // namespace opssight
