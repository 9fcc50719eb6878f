#include "aggregator/promql/engine/set_operators.h"

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/matching.h"

namespace opssight::promql {

namespace {

// At which steps any of the columns has a value.
void MarkPresent(const Columns& columns, const std::vector<std::uint32_t>& which,
                 std::vector<std::uint8_t>& present) {
  std::fill(present.begin(), present.end(), std::uint8_t{0});
  for (const std::uint32_t i : which) {
    for (std::size_t step = 0; step < present.size(); ++step) {
      if (columns[i].Has(step)) present[step] = 1;
    }
  }
}

// Takes values away at the steps where present is not as wanted.
void Mask(const std::vector<std::uint8_t>& present, bool wanted, Column& column) {
  for (std::size_t step = 0; step < present.size(); ++step) {
    if ((present[step] != 0) == wanted) continue;
    column.values[step] = Absent();
    if (!column.histograms.empty()) column.histograms[step] = nullptr;
  }
}

}  // namespace

Result<Columns> CombineSets(const BinaryExpr& binary, Columns left, Columns right,
                            const Steps& steps) {
  const MatchLabels labels(binary.matching);
  std::vector<std::uint8_t> present(steps.count, 0);
  const bool is_or = binary.op == Op::kOr;
  for (const MatchGroup& group : GroupMatches(labels, left, right)) {
    if (is_or) {
      if (group.left.empty() || group.right.empty()) continue;
      MarkPresent(left, group.left, present);
      for (const std::uint32_t i : group.right) Mask(present, false, right[i]);
    } else {
      MarkPresent(right, group.right, present);
      for (const std::uint32_t i : group.left) Mask(present, binary.op == Op::kAnd, left[i]);
    }
  }
  if (is_or) {
    DropEmpty(right);
    left.insert(left.end(), std::make_move_iterator(right.begin()),
                std::make_move_iterator(right.end()));
    return MergeSameLabels(std::move(left));
  }
  DropEmpty(left);
  return left;
}

}  // namespace opssight::promql
