// HostFiles reads the host's /proc and /sys under a root: "" on a host itself,
// "/host" in a container that has the host's trees mounted there, a fixture tree
// in tests. Reads whole files up to bytes_max; belongs to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace opssight {

class HostFiles {
 public:
  static constexpr std::size_t kFileBytesMax = 4UL << 20;

  explicit HostFiles(std::string root) : root_(std::move(root)) {}

  // Contents of root + path. The view is valid until the next Read. kNotFound where
  // there is no such file (an absent kernel feature), kIo otherwise, kExhausted
  // above kFileBytesMax.
  Result<std::string_view> Read(std::string_view path);
  // Names in a directory, sorted, without "." and ".."; empty where there is none.
  std::vector<std::string> List(std::string_view path) const;
  std::string Path(std::string_view path) const { return root_ + std::string(path); }

 private:
  const std::string root_;
  std::string buffer_;
};

}  // namespace opssight
