// Times as Go prints them in JSON.
#pragma once

#include <cstdint>
#include <string>

#include "common/text/time.h"

namespace opssight {

// 0 is Go's zero time: never.
inline std::string TimeText(std::int64_t time_ns) {
  return time_ns == 0 ? "0001-01-01T00:00:00Z" : FormatRfc3339Ns(time_ns);
}

}  // namespace opssight
