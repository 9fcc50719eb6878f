#include "common/lmdb/mapped_pages.h"

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace opssight {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

// A line: "from-to perms offset device inode path". The device is not compared: overlay
// file systems say another one there than stat does.
void* FindMapping(std::uint64_t inode, std::size_t bytes) {
  const std::unique_ptr<std::FILE, CloseFile> maps(std::fopen("/proc/self/maps", "re"));
  if (maps == nullptr) return nullptr;
  char line[4096 + 128];  // A path is shorter than PATH_MAX.
  while (std::fgets(line, sizeof(line), maps.get()) != nullptr) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    std::uint64_t of_file = 0;
    char perms[5] = {};
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNu64, &from, &to, perms,
                    &of_file) != 4) {
      continue;
    }
    if (of_file != inode || to - from != bytes || perms[3] != 's') continue;
    return reinterpret_cast<void*>(from);  // NOLINT(performance-no-int-to-ptr)
  }
  return nullptr;
}

}  // namespace

MappedPages::MappedPages(int fd, std::size_t map_bytes, std::size_t bytes_max)
    : map_bytes_(map_bytes), bytes_max_(bytes_max) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  map_bytes_ = (map_bytes + page - 1) / page * page;
  struct stat status {};
  if (fstat(fd, &status) == 0) at_ = FindMapping(status.st_ino, map_bytes_);
}

void MappedPages::Touched(std::size_t bytes) {
  if (at_ == nullptr || touched_.fetch_add(bytes) + bytes < bytes_max_) return;
  touched_ = 0;
  (void)madvise(at_, map_bytes_, MADV_DONTNEED);  // A shared mapping of a file: nothing is lost.
}

}  // namespace opssight
