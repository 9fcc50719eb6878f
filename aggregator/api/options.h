// Limits and switches of the query APIs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "aggregator/promql/engine/engine.h"
#include "aggregator/query/source.h"
#include "common/base/clock.h"

namespace opssight {

struct ApiOptions {
  std::int64_t lookback_ms = 5 * 60 * kMsPerSecond;  // How old a sample may be and still count.
  std::int64_t points_max = 11'000;                  // Of one series in a range query.
  std::uint64_t answer_points_max = 20'000'000;      // Of all series of an answer.
  std::uint64_t lines_max = 5000;                    // Loki's max_entries_limit.
  std::size_t query_bytes_max = 131'072;
  QueryLimits limits;
  promql::EngineOptions engine;    // Its lookback is lookback_ms.
  bool admin_api = false;          // /api/v1/admin/…: deletes and copies.
  std::string cors_origin = ".*";  // Whose pages may read: an anchored regular expression.
};

}  // namespace opssight
