// SeqSet is a set of batch numbers as ranges: a handful of ranges, however many
// numbers. A value; not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

namespace opssight {

class SeqSet {
 public:
  void Add(std::uint64_t first, std::uint64_t last) {
    auto next = ranges_.upper_bound(first);
    if (next != ranges_.begin()) {
      const auto before = std::prev(next);
      if (before->second + 1 >= first) {
        first = before->first;
        last = std::max(last, before->second);
        ranges_.erase(before);
      }
    }
    while (next != ranges_.end() && next->first <= last + 1) {
      last = std::max(last, next->second);
      next = ranges_.erase(next);
    }
    ranges_[first] = last;
  }

  bool Contains(std::uint64_t seq) const { return FirstOutside(seq) != seq; }

  // The first number >= seq that is not in the set.
  std::uint64_t FirstOutside(std::uint64_t seq) const {
    const auto next = ranges_.upper_bound(seq);
    if (next == ranges_.begin()) return seq;
    const auto before = std::prev(next);
    return seq <= before->second ? before->second + 1 : seq;
  }

  // How many numbers below end (exclusive) are not in the set, from 1.
  std::uint64_t Missing(std::uint64_t end) const {
    std::uint64_t missing = end > 0 ? end - 1 : 0;
    for (const auto& [first, last] : ranges_) {
      if (first >= end) break;
      missing -= std::min(last, end - 1) - first + 1;
    }
    return missing;
  }

  std::size_t ranges() const { return ranges_.size(); }
  bool empty() const { return ranges_.empty(); }
  std::uint64_t last() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }
  void Clear() { ranges_.clear(); }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first -> last; never adjacent.
};

}  // namespace opssight
