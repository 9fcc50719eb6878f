// Counter resets, equality.
#include <algorithm>
#include <bit>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/histogram/zero_bucket.h"

namespace opssight::promql {

namespace {

// Some bucket has less in it than before.
bool Fell(const Cells& current, const Cells& previous) {
  std::size_t i = 0;
  for (const Cell& before : previous) {
    while (i < current.size() && current[i].index < before.index) ++i;
    const bool there = i < current.size() && current[i].index == before.index;
    if ((there ? current[i].count : 0) < before.count) return true;
  }
  return false;
}

bool FellAtCommonBounds(const Histogram& current, const Histogram& previous) {
  const std::vector<double> common = CommonBounds(current.custom_values, previous.custom_values);
  const auto moved = [&common](const Histogram& histogram) {
    Cells cells = ToCells(histogram.positive_spans, histogram.positive, {});
    const auto within = BucketsWithin(histogram.custom_values, common);
    const auto last = static_cast<std::int64_t>(within.size()) - 1;
    MapCells(cells, [&](std::int64_t index) {
      return within[static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, last))];
    });
    return cells;
  };
  return Fell(moved(current), moved(previous));
}

bool AnyLess(const std::vector<double>& current, const std::vector<double>& previous) {
  for (std::size_t i = 0; i < current.size(); ++i) {
    if (current[i] < previous[i]) return true;
  }
  return false;
}

bool ExponentialFell(const Histogram& current, const Histogram& previous) {
  if (current.schema > previous.schema) return true;
  if (current.zero_threshold < previous.zero_threshold) return true;
  const Parts now = TakeApart(current, nullptr);
  Parts before = TakeApart(previous, nullptr);
  WidenZero(before, current.zero_threshold);
  // Differs where the new zero bucket would cut a populated bucket.
  if (before.zero_threshold != current.zero_threshold) return true;
  if (now.zero_count < before.zero_count) return true;
  Reduce(before, current.schema);
  return Fell(now.positive, before.positive) || Fell(now.negative, before.negative);
}

bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return SameBits(x, y); });
}

}  // namespace

bool DetectReset(const Histogram& current, const Histogram& previous) {
  if (current.hint == ResetHint::kReset) return true;
  if (current.hint == ResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  if (current.custom() != previous.custom()) return true;
  const bool same_spans = current.positive_spans == previous.positive_spans &&
                          current.negative_spans == previous.negative_spans;
  if (same_spans && current.schema == previous.schema &&
      current.zero_threshold == previous.zero_threshold &&
      current.custom_values == previous.custom_values) {
    return current.zero_count < previous.zero_count ||
           AnyLess(current.positive, previous.positive) ||
           AnyLess(current.negative, previous.negative);
  }
  return current.custom() ? FellAtCommonBounds(current, previous)
                          : ExponentialFell(current, previous);
}

bool Equals(const Histogram& a, const Histogram& b) {
  if (a.schema != b.schema || !SameBits(a.count, b.count) || !SameBits(a.sum, b.sum)) return false;
  if (a.zero_threshold != b.zero_threshold || a.zero_count != b.zero_count) return false;
  if (!SameBits(a.custom_values, b.custom_values)) return false;
  Histogram x = a;
  Histogram y = b;
  Compact(x);
  Compact(y);
  return x.positive_spans == y.positive_spans && x.negative_spans == y.negative_spans &&
         SameBits(x.positive, y.positive) && SameBits(x.negative, y.negative);
}

}  // namespace opssight::promql
