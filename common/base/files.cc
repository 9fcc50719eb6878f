#include "common/base/files.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace opssight {
namespace {

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("write " + path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string PathBelow(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.empty() || path.front() == '/') return path;
  return folder + (folder.back() == '/' ? "" : "/") + path;
}

Status SyncFolder(const std::string& dir) {
  const Fd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || fsync(fd.get()) != 0) return IoError("sync " + dir, errno);
  return {};
}

Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) {
    Error error = IoError("read " + path, errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return error;
  }
  std::string out;
  char buffer[16 << 10];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("read " + path, errno);
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > bytes_max) {
      return Exhausted("read " + path + ": larger than " + std::to_string(bytes_max) + " bytes");
    }
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

Status WriteFileDurably(const std::string& path, std::string_view bytes, unsigned int mode) {
  const std::string fresh = path + ".new";
  {
    const Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd.ok()) return IoError("create " + fresh, errno);
    if (fchmod(fd.get(), mode) != 0) return IoError("chmod " + fresh, errno);
    OPS_RETURN_IF_ERROR(WriteAll(fd.get(), bytes, fresh));
    if (fsync(fd.get()) != 0) return IoError("sync " + fresh, errno);
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return IoError("rename " + fresh, errno);
  return SyncFolder(FolderOf(path));
}

}  // namespace opssight
