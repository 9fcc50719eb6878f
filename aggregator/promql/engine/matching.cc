#include "aggregator/promql/engine/matching.h"

#include <algorithm>
#include <unordered_map>

#include "aggregator/promql/engine/label_ops.h"

namespace opssight::promql {

MatchLabels::MatchLabels(const VectorMatching& matching)
    : on_(matching.on), names_(matching.labels) {
  if (!on_) names_.emplace_back(kMetricName);
  std::sort(names_.begin(), names_.end());
}

Labels MatchLabels::Of(const Labels& labels) const {
  return on_ ? KeepLabels(labels, names_) : DropLabels(labels, names_);
}

void MatchLabels::AppendKey(const Labels& labels, std::string& key) const {
  if (on_) {
    AppendKeptKey(labels, names_, key);
  } else {
    AppendDroppedKey(labels, names_, key);
  }
}

std::vector<MatchGroup> GroupMatches(const MatchLabels& labels, const Columns& left,
                                     const Columns& right) {
  std::unordered_map<std::string, std::size_t> known;
  std::vector<MatchGroup> groups;
  std::string key;
  const auto group_of = [&](const Column& column) -> MatchGroup& {
    key.clear();
    labels.AppendKey(column.labels, key);
    const auto [it, fresh] = known.try_emplace(key, groups.size());
    if (fresh) groups.emplace_back();
    return groups[it->second];
  };
  for (std::size_t i = 0; i < left.size(); ++i) {
    group_of(left[i]).left.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i < right.size(); ++i) {
    group_of(right[i]).right.push_back(static_cast<std::uint32_t>(i));
  }
  return groups;
}

}  // namespace opssight::promql
