// Anchored and smoothed ranges: what lies on and beyond their borders.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "aggregator/promql/value/value.h"
#include "aggregator/query/source.h"

namespace opssight::promql {

// Index of the last item at or before the border, else of the first.
template <class Item>
std::size_t LeftEdge(std::span<const Item> items, std::int64_t border_ms) {
  const auto after = std::upper_bound(
      items.begin(), items.end(), border_ms,
      [](std::int64_t wanted_ms, const Item& item) { return wanted_ms < item.time_ms; });
  const auto index = static_cast<std::size_t>(after - items.begin());
  return index == 0 ? 0 : index - 1;
}

// Of two histograms, at a time between theirs: on the line between them, or (a counter that
// began anew) growing from zero. Null: one has exponential buckets and the other its own.
HistogramPtr BetweenHistograms(const HistogramSample& before, const HistogramSample& after,
                               std::int64_t time_ms, bool counter);

}  // namespace opssight::promql
