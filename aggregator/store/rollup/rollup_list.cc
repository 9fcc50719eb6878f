#include "aggregator/store/rollup/rollup_list.h"

#include <numeric>

#include "aggregator/store/metrics/metric_block.h"
#include "aggregator/store/rollup/rollup_block.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"

namespace opssight {

RollupList WriteRollupList(const std::vector<Labels>& series) {
  SeriesIndex index;
  for (const Labels& labels : series) index.Intern(labels);
  OPS_CHECK(index.size() == series.size() && series.size() <= kRollupSeriesMax,
            "rollup: a list of {} series with {} label sets", series.size(), index.size());
  std::vector<SeriesId> ids(series.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::string keys;
  for (const Hash128& key : index.Keys(ids)) {
    PutLe(keys, key.high);
    PutLe(keys, key.low);
  }
  return {.name = HashOf128(keys), .bytes = WriteSeriesPiece(index, 0, series.size())};
}

Status ReadRollupList(std::string_view bytes, SeriesIndex& index) {
  OPS_RETURN_IF_ERROR(ReadSeriesPiece(bytes, index));
  if (index.size() > kRollupSeriesMax) return Corrupt("block OMS1: a list of too many series");
  return {};
}

}  // namespace opssight
