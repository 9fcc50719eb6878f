// RangeSet is a set of numbers that mostly follow each other (seqs, keys), kept
// as ranges: a million numbers in a row cost 16 bytes. Changes cost O(ranges).
// A value; no thread of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/spool/spool_view.h"

namespace opssight {

class RangeSet {
 public:
  void Add(SeqRange range);  // last >= first, in all of them.
  void Add(std::uint64_t number) { Add({number, number}); }
  void Remove(SeqRange range);
  void Remove(std::uint64_t number) { Remove({number, number}); }
  void Clear() { ranges_.clear(); }

  bool Contains(std::uint64_t number) const;
  bool empty() const { return ranges_.empty(); }
  std::uint64_t Count() const;
  // The smallest number >= from that is in this set.
  std::optional<std::uint64_t> FirstFrom(std::uint64_t from) const;
  // The smallest number of this set that is not in other.
  std::optional<std::uint64_t> FirstNotIn(const RangeSet& other) const;
  // Those of range that are in this set.
  std::vector<SeqRange> Within(SeqRange range) const;
  // Ascending, neither touching nor overlapping.
  const std::vector<SeqRange>& ranges() const { return ranges_; }
  bool operator==(const RangeSet&) const = default;

 private:
  std::vector<SeqRange> ranges_;
};

}  // namespace opssight
