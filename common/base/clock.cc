#include "common/base/clock.h"

#include <ctime>

namespace opssight {
namespace {

std::int64_t Read(clockid_t id) {
  timespec now{};
  (void)clock_gettime(id, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  std::int64_t WallNs() const override { return Read(CLOCK_REALTIME); }
  std::int64_t SteadyNs() const override { return Read(CLOCK_BOOTTIME); }
};

}  // namespace

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace opssight
