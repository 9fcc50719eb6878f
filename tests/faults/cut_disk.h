// A small ext4 in a file, mounted by loop, whose power can be cut: what was not synced is
// gone at the next mount. In a mount namespace of this process's own, so that nothing
// stays mounted however the process ends. The main thread, before others start.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"

namespace opssight::faults {

class CutDisk {
 public:
  // folder: of the image and the mount point; made. kUnavailable where this process may
  // not mount: why.
  static Result<std::unique_ptr<CutDisk>> Make(const std::string& folder, std::uint64_t mib);
  ~CutDisk();
  CutDisk(const CutDisk&) = delete;
  CutDisk& operator=(const CutDisk&) = delete;

  const std::string& path() const { return mount_; }

  // From here on nothing reaches the disk and all writes fail.
  Status Cut();
  // After those who had files open there have ended: unmounts, mounts again.
  Status Restore();

  // Takes all free space; Free gives it back.
  Status Fill();
  Status Free();

 private:
  CutDisk(std::string image, std::string mount)
      : image_(std::move(image)), mount_(std::move(mount)) {}
  Status Mount();
  Status Unmount();

  const std::string image_;
  const std::string mount_;
  bool mounted_ = false;
};

}  // namespace opssight::faults
