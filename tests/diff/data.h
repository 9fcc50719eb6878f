// What both servers of the differential test are filled with: two hours of counters with
// resets, gauges, classic histograms, info series, series with gaps and stale markers, and
// odd numbers. No sample lies on a whole second, so none lies on the border of a range.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/query/source.h"
#include "common/base/random.h"

namespace opssight::diff {

struct SeriesData {
  Labels labels;
  std::vector<Sample> samples;  // Times ascending.
};

inline constexpr std::int64_t kIntervalMs = 15'000;
inline constexpr std::int64_t kSpanMs = 2 * 3600 * 1000;

std::vector<SeriesData> MakeData(Random& random, std::int64_t start_ms);

// A remote-write request (1.0, snappy) of all of it.
std::string RemoteWriteBody(const std::vector<SeriesData>& data);

}  // namespace opssight::diff
