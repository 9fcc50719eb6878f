#include "agent/spool/range_set.h"

#include <algorithm>

namespace opssight {
namespace {

// The first range that ends at or after number.
auto EndingFrom(const std::vector<SeqRange>& ranges, std::uint64_t number) {
  return std::lower_bound(
      ranges.begin(), ranges.end(), number,
      [](const SeqRange& range, std::uint64_t want) { return range.last < want; });
}

}  // namespace

void RangeSet::Add(SeqRange range) {
  // Those that overlap or touch become one with it. first - 1 wraps only for 0, where
  // nothing can end before.
  auto begin = ranges_.begin() +
               (EndingFrom(ranges_, range.first == 0 ? 0 : range.first - 1) - ranges_.begin());
  auto end = begin;
  while (end != ranges_.end() && (end->first <= range.last || end->first - 1 == range.last)) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
    ++end;
  }
  ranges_.insert(ranges_.erase(begin, end), range);
}

void RangeSet::Remove(SeqRange range) {
  const auto at = EndingFrom(ranges_, range.first) - ranges_.begin();
  auto begin = ranges_.begin() + at;
  auto end = begin;
  std::vector<SeqRange> rest;
  for (; end != ranges_.end() && end->first <= range.last; ++end) {
    if (end->first < range.first) rest.push_back({end->first, range.first - 1});
    if (end->last > range.last) rest.push_back({range.last + 1, end->last});
  }
  ranges_.insert(ranges_.erase(begin, end), rest.begin(), rest.end());
}

bool RangeSet::Contains(std::uint64_t number) const {
  const auto it = EndingFrom(ranges_, number);
  return it != ranges_.end() && it->first <= number;
}

std::uint64_t RangeSet::Count() const {
  std::uint64_t count = 0;
  for (const SeqRange& range : ranges_) count += range.last - range.first + 1;
  return count;
}

std::optional<std::uint64_t> RangeSet::FirstFrom(std::uint64_t from) const {
  const auto it = EndingFrom(ranges_, from);
  if (it == ranges_.end()) return std::nullopt;
  return std::max(from, it->first);
}

std::optional<std::uint64_t> RangeSet::FirstNotIn(const RangeSet& other) const {
  for (const SeqRange& range : ranges_) {
    std::uint64_t number = range.first;
    for (auto it = EndingFrom(other.ranges_, number);
         it != other.ranges_.end() && it->first <= number; ++it) {
      number = it->last + 1;
    }
    if (number <= range.last) return number;
  }
  return std::nullopt;
}

std::vector<SeqRange> RangeSet::Within(SeqRange range) const {
  std::vector<SeqRange> out;
  for (auto it = EndingFrom(ranges_, range.first); it != ranges_.end() && it->first <= range.last;
       ++it) {
    out.push_back({std::max(range.first, it->first), std::min(range.last, it->last)});
  }
  return out;
}

}  // namespace opssight
