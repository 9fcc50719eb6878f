// Which series a rollup block is of: a list of label sets, stored once under a hash of what
// it says. A metric's series are mostly the same from day to day, and so are their lists.
// The bytes are a piece of a series log (metric_block.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/metrics/series_index.h"
#include "common/base/result.h"
#include "common/bytes/hash.h"
#include "common/model/labels.h"

namespace opssight {

struct RollupList {
  Hash128 name;
  std::string bytes;
};
// At most kRollupSeriesMax label sets, all different.
RollupList WriteRollupList(const std::vector<Labels>& series);
// index is empty; ids are places in the list.
Status ReadRollupList(std::string_view bytes, SeriesIndex& index);

}  // namespace opssight
