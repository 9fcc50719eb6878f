// The rows that a frozen target has of one day, as groups for blocks: sorted by time,
// of two values of a series at one time the later, at most 240 rows and 1024 series
// in a group. Rows of one time, into which requests of remote write cut a scrape, are
// joined: each would be a time of its own, and make every column sparse. Pure. Cost: about 15 ns a
// sample (decodes the minis, codes again).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "aggregator/store/metrics/head_target.h"

namespace opssight {

inline constexpr std::size_t kStoredRowsMax = 240;
inline constexpr std::size_t kStoredColumnsMax = 1024;

// group holds, for each of columns (of the target), a column.
using EmitGroup = std::function<void(std::span<const std::uint32_t> columns, std::string_view group,
                                     std::int64_t min_ms, std::int64_t max_ms)>;

// All rows as minis: open rows are coded.
std::vector<std::shared_ptr<const MiniGroup>> MinisOf(const HeadTarget::View& view);

struct GroupsOptions {
  std::int64_t from_ms = 0;  // Rows in [from_ms, to_ms).
  std::int64_t to_ms = 0;
  bool keep_orders = false;                  // Other targets may have the same series.
  std::span<const std::int64_t> apart = {};  // Times of which rows are not joined; ascending.
};
// Of the minis of a target with `columns` columns. Rows of one time become one.
void GroupsOf(const std::vector<std::shared_ptr<const MiniGroup>>& minis, std::size_t columns,
              const GroupsOptions& options, const EmitGroup& emit);

// A joined row has one order for all of its parts. Of targets that share series, for each:
// the times at which rows of another came between its own, where that would lie.
// others: further arrivals that may be of the same series (native histograms).
struct Arrival {
  std::int64_t time_ms = 0;
  std::int64_t order = 0;
};
using SharedMinis = const std::vector<std::shared_ptr<const MiniGroup>>*;
std::vector<std::vector<std::int64_t>> TimesApart(std::span<const SharedMinis> targets,
                                                  std::span<const Arrival> others);

}  // namespace opssight
