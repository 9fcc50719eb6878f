#include "aggregator/promql/functions/absent_labels.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace opssight::promql {

Labels AbsentLabels(const Expr& arg) {
  const auto* selector = As<VectorSelector>(arg);
  if (const auto* range = As<MatrixSelector>(arg)) selector = range->selector.get();
  if (selector == nullptr) return {};
  std::vector<Label> labels;
  std::set<std::string> seen;
  for (const Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    const bool first = seen.insert(matcher.name()).second;
    if (first && matcher.type() == MatchType::kEqual) {
      labels.push_back({.name = matcher.name(), .value = matcher.value()});
    } else {
      std::erase_if(labels, [&](const Label& label) { return label.name == matcher.name(); });
    }
  }
  return Labels(std::move(labels));
}

}  // namespace opssight::promql
