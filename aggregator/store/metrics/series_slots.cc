#include "aggregator/store/metrics/series_slots.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace opssight {

SeriesSlots NumberSeries(std::span<const IndexIds> indexes) {
  SeriesSlots slots;
  slots.of.resize(indexes.size());
  if (indexes.size() == 1 && indexes.front().index.unique()) {
    slots.count = indexes.front().ids.size();
    slots.of.front().resize(slots.count);
    std::iota(slots.of.front().begin(), slots.of.front().end(), 0);
    return slots;
  }
  std::unordered_map<Hash128, std::uint32_t> by_key;
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    const std::vector<Hash128> keys = indexes[i].index.Keys(indexes[i].ids);
    slots.of[i].reserve(keys.size());
    by_key.reserve(std::max(by_key.size() + keys.size() / 2, keys.size()));
    for (const Hash128& key : keys) {
      slots.of[i].push_back(
          by_key.try_emplace(key, static_cast<std::uint32_t>(by_key.size())).first->second);
    }
  }
  slots.count = by_key.size();
  return slots;
}

}  // namespace opssight
