#include "aggregator/store/store_options.h"

#include <cerrno>
#include <sys/statvfs.h>

namespace opssight {

std::string_view ToString(StoreSignal signal) {
  switch (signal) {
    case StoreSignal::kMetrics:
      return "metrics";
    case StoreSignal::kLogs:
      return "logs";
    case StoreSignal::kSpans:
      return "spans";
    case StoreSignal::kGaps:
      return "gaps";
  }
  return "unknown";
}

Result<DiskSpace> ReadDiskSpace(const std::string& dir) {
  struct statvfs info {};
  if (statvfs(dir.c_str(), &info) != 0) return IoError("free space of " + dir, errno);
  const auto block = static_cast<std::uint64_t>(info.f_frsize);
  return DiskSpace{.free_bytes = info.f_bavail * block, .total_bytes = info.f_blocks * block};
}

}  // namespace opssight
