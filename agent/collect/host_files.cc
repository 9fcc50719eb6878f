#include "agent/collect/host_files.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include <fmt/core.h>

namespace opssight {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { (void)closedir(dir); }
};

}  // namespace

Result<std::string_view> HostFiles::Read(std::string_view path) {
  const std::string full = Path(path);
  const int fd = open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return NotFound(full);
    return IoError("open " + full, errno);
  }
  buffer_.resize(std::max<std::size_t>(buffer_.size(), 64UL << 10));
  std::size_t size = 0;
  int error = 0;
  for (;;) {
    if (size == buffer_.size()) {
      if (size >= kFileBytesMax) break;
      buffer_.resize(size * 2);
    }
    const ssize_t got = read(fd, buffer_.data() + size, buffer_.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  (void)close(fd);
  if (error != 0) return IoError("read " + full, error);
  if (size >= kFileBytesMax) return Exhausted(fmt::format("{}: over {} bytes", full, size));
  return std::string_view(buffer_).substr(0, size);
}

std::vector<std::string> HostFiles::List(std::string_view path) const {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDir> dir(opendir(Path(path).c_str()));
  if (dir == nullptr) return names;
  while (const dirent* entry = readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace opssight
