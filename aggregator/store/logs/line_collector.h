// LineCollector keeps the first `limit` lines of a query in time order while
// pieces (blocks, heads) are read in any order: memory is bounded by the limit,
// and Worst() tells which pieces need not be read any more. Lines of equal time
// keep the order in which they came (order: piece, then row). One query's own.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/logs/gram_filter.h"

namespace opssight {

class LineCollector {
 public:
  explicit LineCollector(const LineQuery& query);

  // Whether the line passes the query's times and filters.
  bool Wants(std::int64_t time_ns, std::string_view line) const;
  // Whether a line of this time can stay.
  bool WantsTime(std::int64_t time_ns) const;
  // What a block's filter must hold of the texts that lines must contain.
  const std::vector<TextKeys>& wanted_keys() const { return wanted_keys_; }
  // Whether a piece with lines in [min_ns, max_ns] can still hold a line that stays.
  bool WantsPiece(std::int64_t min_ns, std::int64_t max_ns) const;

  void Add(const Labels& stream, std::uint64_t piece, std::uint64_t row, LogLine line);

  // By stream, sorted; lines in the direction asked for.
  std::vector<LogStreamLines> Finish();

 private:
  struct Entry {
    std::int64_t time_ns;
    std::uint64_t piece;
    std::uint64_t row;
    std::size_t stream;
    LogLine line;
  };
  bool Before(const Entry& a, const Entry& b) const;
  void Shrink();

  const LineQuery query_;
  std::vector<TextKeys> wanted_keys_;
  std::map<Labels, std::size_t> stream_ids_;
  std::vector<Labels> streams_;
  std::vector<Entry> entries_;
  bool full_ = false;  // `limit` lines are there, none beyond bound_ns_ is wanted.
  std::int64_t bound_ns_ = 0;
};

}  // namespace opssight
