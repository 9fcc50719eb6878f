#include "aggregator/promql/engine/grouping.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "aggregator/promql/engine/label_ops.h"

namespace opssight::promql {

std::vector<Group> GroupColumns(const Columns& columns, std::vector<std::string> grouping,
                                bool without) {
  if (without) grouping.emplace_back(kMetricName);
  std::sort(grouping.begin(), grouping.end());
  std::unordered_map<std::string, std::size_t> known;
  std::vector<Group> groups;
  std::string key;
  for (const Column& column : columns) {
    key.clear();
    if (without) {
      AppendDroppedKey(column.labels, grouping, key);
    } else {
      AppendKeptKey(column.labels, grouping, key);
    }
    const auto [it, fresh] = known.try_emplace(key, groups.size());
    if (fresh) {
      groups.push_back({.labels = without ? DropLabels(column.labels, grouping)
                                          : KeepLabels(column.labels, grouping),
                        .members = {}});
    }
    groups[it->second].members.push_back(&column);
  }
  return groups;
}

}  // namespace opssight::promql
