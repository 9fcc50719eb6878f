#include "aggregator/store/rollup/carry_reader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/rollup/rollup_block.h"
#include "common/base/log.h"

namespace opssight {

Status CarryReader::Add(ReadTxn& txn, Table lists, const BlockKey& key, std::string_view bytes,
                        std::vector<CarriedBlock>& out) const {
  OPS_TRY(const Hash128 name, RollupBlock::ListOf(bytes));
  SeriesIndex index;
  OPS_RETURN_IF_ERROR(LoadRollupList(txn, lists, name, index));
  std::vector<SeriesId> places(index.size());
  std::iota(places.begin(), places.end(), 0U);
  const std::vector<Hash128> keys = index.Keys(places);
  std::erase_if(places, [&](SeriesId place) {
    return std::binary_search(newer_.begin(), newer_.end(), keys[place]);
  });
  if (places.empty()) return {};  // As it mostly is: only the block's head was looked at.
  OPS_TRY(RollupBlock block, RollupBlock::Open(bytes, key.day, from_.resolution_ms));
  if (block.size() != index.size()) return Corrupt("block ORB1: it is not of its list");
  std::erase_if(places,
                [&](SeriesId place) { return block.NeedsSamples(place) || block.IsEmpty(place); });
  if (places.empty()) return {};
  CarriedBlock carried = {.metric = key.metric};
  DayBuckets buckets;
  for (const SeriesId place : places) {
    if (!block.Read(place, {}, buckets)) return Corrupt("block ORB1: a series");
    for (const DayBucket& one : buckets) carried.samples += one.bucket.count;
  }
  std::vector<Labels> labels;
  index.AppendLabels(places, labels);
  carried.list = WriteRollupList(labels);
  RollupBlockWriter writer(carried.list.name);
  for (const SeriesId place : places) writer.Add(block.shape(place), block.values(place));
  carried.bytes = writer.Finish();
  carried.series = places.size();
  out.push_back(std::move(carried));
  return {};
}

Result<bool> CarryReader::Some(std::size_t bytes_max, std::vector<CarriedBlock>& out) {
  OPS_TRY(ReadTxn txn, env_.BeginRead());
  OPS_TRY(const Table lists, txn.OpenTable(RollupFiles::kLists));
  std::size_t bytes = 0;
  return WalkBlocks(txn, next_, [&](const BlockKey& key, std::string_view value) -> Result<bool> {
    if (key.day != from_.day || key.generation != from_.generation) return false;
    const std::size_t before = out.size();
    const Status added = Add(txn, lists, key, value, out);
    if (!added && added.error().code != ErrorCode::kCorrupt) return added.error();
    if (!added) {
      OPS_LOG_EVERY(60, kWarn, "rollup: {}: {}; the day's new rollups are without it", env_.path(),
                    added.error().message);
    }
    if (out.size() != before) bytes += out.back().list.bytes.size() + out.back().bytes.size();
    return bytes >= bytes_max;
  });
}

}  // namespace opssight
