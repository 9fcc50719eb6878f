// What a flush writes into a day's environment, each in the envelope of
// aggregator/store/columns: blocks of groups ("OMB1"), the list of a cut's blocks
// ("OMC1"), and pieces of the log of new series ("OMS1"). Formats are in README.md.
// Pure; any bytes are read or refused as kCorrupt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/metrics/series_index.h"
#include "common/base/result.h"

namespace opssight {

// count series with consecutive ids, the first of them in column `at`.
struct IdRun {
  SeriesId first = 0;
  std::uint32_t count = 0;
  std::uint32_t at = 0;
};
using IdRuns = std::vector<IdRun>;

IdRuns RunsOf(std::span<const SeriesId> ids);        // In the order of the columns.
IdRuns SortedRunsOf(std::span<const SeriesId> ids);  // By id; ids that meet are one run.

// Calls fn(i, column) for each wanted[i] in the runs. wanted ascending.
template <class Fn>
void ForEachIn(const IdRuns& runs, std::span<const SeriesId> wanted, Fn fn) {
  for (const IdRun& run : runs) {
    const SeriesId last = run.first + (run.count - 1);
    auto it = std::lower_bound(wanted.begin(), wanted.end(), run.first);
    for (; it != wanted.end() && *it <= last; ++it) {
      fn(static_cast<std::size_t>(it - wanted.begin()), run.at + (*it - run.first));
    }
  }
}
// Calls fn(i) for each b[i] that is in a. Both ascending.
template <class Fn>
void ForEachCommon(std::span<const SeriesId> a, std::span<const SeriesId> b, Fn fn) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    while (at < a.size() && a[at] < b[i]) ++at;
    if (at < a.size() && a[at] == b[i]) fn(i);
  }
}
bool Meets(const IdRuns& runs, std::span<const SeriesId> wanted);

// ---- blocks

class MetricBlockWriter {
 public:
  void Add(std::span<const SeriesId> ids, std::string_view group, std::int64_t min_ms,
           std::int64_t max_ms);
  bool empty() const { return groups_ == 0; }
  std::size_t bytes() const { return bodies_.size(); }
  std::int64_t min_ms() const { return min_ms_; }
  std::int64_t max_ms() const { return max_ms_; }
  const std::vector<SeriesId>& ids() const { return ids_; }  // Of all groups.
  std::string Finish() const;

 private:
  std::uint64_t groups_ = 0;
  std::string head_;
  std::string bodies_;
  std::int64_t min_ms_ = INT64_MAX;
  std::int64_t max_ms_ = INT64_MIN;
  std::vector<SeriesId> ids_;
};

struct BlockGroup {
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  IdRuns runs;
  std::string_view body;  // group.h
};
// verify: whether the checksum is looked at (the first time a block is read).
Result<std::vector<BlockGroup>> ReadBlock(std::string_view block, bool verify);

// ---- the list of blocks of a cut

struct BlockSummary {
  std::uint32_t number = 0;
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  IdRuns runs;  // Sorted; `at` means nothing.
};
std::string WriteSummaries(std::span<const BlockSummary> blocks);
Result<std::vector<BlockSummary>> ReadSummaries(std::string_view bytes);

// ---- the log of series

inline constexpr std::size_t kSeriesPerPiece = 4096;
// Numbers may be missing where pieces were lost, but not more at once.
inline constexpr std::size_t kLostSeriesMax = 16UL << 20;
// Series [first, first + count) of index.
std::string WriteSeriesPiece(const SeriesIndex& index, SeriesId first, std::size_t count);
// Puts the piece's series into index, at the numbers they had; pads what is missing
// before them.
Status ReadSeriesPiece(std::string_view bytes, SeriesIndex& index);

}  // namespace opssight
