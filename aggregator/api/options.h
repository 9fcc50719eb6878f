// Limits of the query APIs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "aggregator/query/source.h"
#include "common/base/clock.h"

namespace opssight {

struct ApiOptions {
  std::int64_t lookback_ms = 5 * 60 * kMsPerSecond;  // How old a sample may be and still count.
  std::int64_t points_max = 11'000;                  // Of one series in a range query.
  std::uint64_t answer_points_max = 20'000'000;  // Of all series in a range query or range vector.
  std::uint64_t lines_max = 5000;                // Loki's max_entries_limit.
  std::size_t query_bytes_max = 131'072;
  QueryLimits limits;
};

}  // namespace opssight
