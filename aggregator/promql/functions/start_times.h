// Start timestamps: since when a counter counts. 0: not known.
#pragma once

#include <cstdint>
#include <span>

namespace opssight::promql {

// Whether between two samples the counter began anew. A start at or after its own sample says
// nothing; one at the sample before does where that had a start of its own (a delta), but not
// where it only says that the start is unknown.
inline bool StartsAnew(std::int64_t before_ms, std::int64_t before_start_ms, std::int64_t time_ms,
                       std::int64_t start_ms) {
  if (start_ms == 0 || start_ms >= time_ms) return false;
  if (start_ms > before_ms) return true;
  return start_ms == before_ms && before_start_ms != 0 && before_start_ms < before_ms;
}

template <class Item>
bool StartsAnew(std::span<const Item> items, std::span<const std::int64_t> starts, std::size_t i) {
  return !starts.empty() &&
         StartsAnew(items[i - 1].time_ms, starts[i - 1], items[i].time_ms, starts[i]);
}

// Whether a sample's start lies before the sample before it, and is not that one's: two who
// count at once.
inline bool StartsOverlap(std::int64_t before_ms, std::int64_t before_start_ms,
                          std::int64_t start_ms) {
  return start_ms != 0 && start_ms < before_ms && start_ms != before_start_ms;
}

}  // namespace opssight::promql
