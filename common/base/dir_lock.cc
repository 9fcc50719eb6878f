#include "common/base/dir_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "common/base/files.h"

namespace opssight {

Result<DirLock> DirLock::Take(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return IoError("create " + dir, error.value());
  const std::string path = dir + "/lock";
  DirLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) return IoError("open " + path, errno);
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return IoError("lock " + path, errno);
    constexpr std::size_t kPidBytesMax = 64;
    std::string holder = ReadFile(path, kPidBytesMax).value_or("?");
    while (holder.ends_with('\n')) holder.pop_back();
    return Unavailable(dir + " is in use by process " + holder +
                       "; a data folder belongs to one process, give this one another data_dir");
  }
  // For the message above alone, so a full disk does not matter.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.fd_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(lock.fd_, pid.data(), pid.size(), 0);
  }
  return lock;
}

DirLock::DirLock(DirLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirLock& DirLock::operator=(DirLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

DirLock::~DirLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace opssight
