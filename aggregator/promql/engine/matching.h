// Which series of two vectors go together: those whose labels to match on are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/promql/syntax/ast.h"
#include "aggregator/promql/value/value.h"

namespace opssight::promql {

// The labels of on(…) or ignoring(…), ready for use.
class MatchLabels {
 public:
  explicit MatchLabels(const VectorMatching& matching);
  // What a match is known by: only the labels of on; all but those of ignoring and the name.
  Labels Of(const Labels& labels) const;
  void AppendKey(const Labels& labels, std::string& key) const;

 private:
  const bool on_;
  std::vector<std::string> names_;  // Sorted; with ignoring the name's too.
};

// Series of both sides that go together, by their index.
struct MatchGroup {
  std::vector<std::uint32_t> left;
  std::vector<std::uint32_t> right;
};
// In the order in which their first series come, the left side first.
std::vector<MatchGroup> GroupMatches(const MatchLabels& labels, const Columns& left,
                                     const Columns& right);

}  // namespace opssight::promql
