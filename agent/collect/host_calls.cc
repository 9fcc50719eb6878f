#include "agent/collect/host_calls.h"

#include <ctime>
#include <sys/statvfs.h>

#include "common/base/clock.h"

namespace opssight {
namespace {

class SystemCalls final : public HostCalls {
 public:
  int Timex(timex& out) override {
    out = {};
    return adjtimex(&out);
  }
  bool Uname(utsname& out) override { return uname(&out) == 0; }
  bool Filesystem(const std::string& path, FilesystemUsage& out) override {
    struct statvfs stats {};
    if (statvfs(path.c_str(), &stats) != 0) return false;
    const auto unit = static_cast<double>(stats.f_frsize);
    out = {.size_bytes = static_cast<double>(stats.f_blocks) * unit,
           .free_bytes = static_cast<double>(stats.f_bfree) * unit,
           .available_bytes = static_cast<double>(stats.f_bavail) * unit,
           .files = static_cast<double>(stats.f_files),
           .files_free = static_cast<double>(stats.f_ffree)};
    return true;
  }
  double ZoneOffset(std::int64_t time_s, std::string& name) override {
    const auto time = static_cast<std::time_t>(time_s);
    std::tm local{};
    if (localtime_r(&time, &local) == nullptr) return 0;
    name = local.tm_zone;
    return static_cast<double>(local.tm_gmtoff);
  }
  std::int64_t SteadyNs() override { return Clock::System().SteadyNs(); }
};

}  // namespace

HostCalls& HostCalls::System() {
  static SystemCalls calls;
  return calls;
}

}  // namespace opssight
