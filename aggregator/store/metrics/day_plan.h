// DayPlan says in which portions a day's series are read: series that stand in one group
// belong together (they are a target's), a portion is small enough for memory, and each
// block that it needs is named. Pure; one thread.
//
//   DayPlan plan(index.Match({}));
//   for each group of each block: plan.Add(ids of its columns, samples a column)
//   plan.Finish() -> portions; then for each block: plan.Name(block, summary)
//
// Memory: about 20 B a series, and 4 B a block of each portion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregator/store/metrics/metric_block.h"

namespace opssight {

struct DayPortion {
  std::vector<SeriesId> ids;          // Ascending.
  std::vector<std::uint32_t> blocks;  // Ascending.
  std::uint64_t samples_max = 0;      // Of one series.
};

class DayPlan {
 public:
  static constexpr std::uint64_t kPortionSamples = 1UL << 18;
  static constexpr std::size_t kPortionSeries = 1024;
  static constexpr std::size_t kTargetSeries = 4096;  // Larger ones are not put together.

  // ids: the series to be read, ascending; others are left out.
  explicit DayPlan(std::vector<SeriesId> ids);

  // A group with the columns of runs, of at most `samples` samples a column.
  void Add(const IdRuns& runs, std::uint64_t samples);
  void Finish();
  // Notes that the block with this number holds the series of runs.
  void Name(std::uint32_t block, const IdRuns& runs);
  const std::vector<DayPortion>& portions() const { return portions_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t PositionOf(SeriesId id) const;
  std::uint32_t RootOf(std::uint32_t position);
  void Join(std::uint32_t a, std::uint32_t b);

  std::vector<SeriesId> ids_;
  // By position in ids_.
  std::vector<std::uint32_t> parents_;
  std::vector<std::uint32_t> sizes_;  // Of a root's target.
  std::vector<std::uint64_t> samples_;
  std::vector<std::uint32_t> portion_of_;
  std::vector<DayPortion> portions_;
};

}  // namespace opssight
