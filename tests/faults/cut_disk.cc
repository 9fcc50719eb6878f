#include "tests/faults/cut_disk.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

#include "tests/support/http.h"
#include "tests/support/process.h"

namespace opssight::faults {
namespace {

constexpr std::chrono::seconds kUnmountLimit{20};

// linux/fs/ext4/ext4.h; not in the headers of Debian 12.
constexpr unsigned long kExt4Shutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kNoLogFlush = 2;

Status OwnMounts() {
  static const int error = [] {
    if (unshare(CLONE_NEWNS) != 0) return errno;
    return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
  }();
  return error == 0 ? Status() : Status(IoError("a mount namespace", error));
}

Status Said(const Result<std::string>& result) {
  return result ? Status() : Status(result.error());
}

}  // namespace

Result<std::unique_ptr<CutDisk>> CutDisk::Make(const std::string& folder, std::uint64_t mib) {
  const auto unavailable = [](const Error& why) {
    return Error{ErrorCode::kUnavailable, "no file system can be mounted here: " + why.message};
  };
  if (const Status own = OwnMounts(); !own) return unavailable(own.error());
  std::error_code error;
  std::filesystem::create_directories(folder + "/mnt", error);
  if (error) return IoError("create " + folder, error.value());
  std::unique_ptr<CutDisk> disk(new CutDisk(folder + "/disk.img", folder + "/mnt"));
  const std::string size = std::to_string(mib) + "M";
  OPS_RETURN_IF_ERROR(Said(Run({"truncate", "-s", size, disk->image_})));
  const auto made = Run({"mkfs.ext4", "-q", "-F", "-m", "0", disk->image_});
  if (!made) return unavailable(made.error());
  if (const Status mounted = disk->Mount(); !mounted) return unavailable(mounted.error());
  return disk;
}

CutDisk::~CutDisk() {
  if (mounted_) umount2(mount_.c_str(), MNT_DETACH);
}

Status CutDisk::Mount() {
  OPS_RETURN_IF_ERROR(Said(Run({"mount", "-t", "ext4", "-o", "loop", image_, mount_})));
  mounted_ = true;
  return {};
}

Status CutDisk::Unmount() {
  int error = 0;
  const bool done = WaitFor(kUnmountLimit, [&] {
    error = umount2(mount_.c_str(), 0) == 0 ? 0 : errno;
    return error != EBUSY;
  });
  if (!done || error != 0) return IoError("umount " + mount_, error);
  mounted_ = false;
  return {};
}

Status CutDisk::Cut() {
  const int fd = open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return IoError("open " + mount_, errno);
  std::uint32_t flags = kNoLogFlush;
  const int error = ioctl(fd, kExt4Shutdown, &flags) == 0 ? 0 : errno;
  close(fd);
  return error == 0 ? Status() : Status(IoError("cut the power of " + mount_, error));
}

Status CutDisk::Restore() {
  OPS_RETURN_IF_ERROR(Unmount());
  return Mount();
}

Status CutDisk::Fill() {
  const int fd =
      open((mount_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return IoError("create " + mount_ + "/filler", errno);
  const std::vector<char> block(1UL << 20, 'x');
  // Down to the last byte: halves of what did not fit.
  for (std::size_t size = block.size(); size > 0;) {
    if (write(fd, block.data(), size) <= 0) size /= 2;
  }
  close(fd);
  return {};
}

Status CutDisk::Free() {
  const int dir = open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Synced: else the next power cut would bring the file back.
  const bool ok = dir >= 0 && unlinkat(dir, "filler", 0) == 0 && syncfs(dir) == 0;
  const int error = errno;
  if (dir >= 0) close(dir);
  return ok ? Status() : Status(IoError("remove " + mount_ + "/filler", error));
}

}  // namespace opssight::faults
