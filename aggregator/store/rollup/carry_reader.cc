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
  OPS_TRY(const auto list, txn.Get(lists, ListKeyOf(name)));
  if (!list) return Corrupt("block ORB1: its list is gone");
  SeriesIndex index;
  OPS_RETURN_IF_ERROR(ReadRollupList(*list, index));
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
  constexpr std::size_t kLooksMax = 10'000;  // In one transaction.
  OPS_TRY(ReadTxn txn, env_.BeginRead());
  OPS_TRY(const Table lists, txn.OpenTable(RollupFiles::kLists));
  OPS_TRY(const Table blocks, txn.OpenTable(RollupFiles::kBlocks));
  OPS_TRY(Cursor cursor, txn.OpenCursor(blocks));
  OPS_TRY(auto at, cursor.Seek(next_));
  std::size_t bytes = 0;
  for (std::size_t looks = 0; at && bytes < bytes_max && looks < kLooksMax; ++looks) {
    const auto key = BlockKey::Parse(at->first);
    if (key && key->day == from_.day && key->generation == from_.generation) {
      const std::size_t before = out.size();
      const Status added = Add(txn, lists, *key, at->second, out);
      if (!added && added.error().code != ErrorCode::kCorrupt) return added.error();
      if (!added) {
        OPS_LOG_EVERY(60, kWarn, "rollup: {}: {}; the day's new rollups are without it",
                      env_.path(), added.error().message);
      }
      if (out.size() != before) bytes += out.back().list.bytes.size() + out.back().bytes.size();
    }
    OPS_TRY(at, cursor.Next());
  }
  next_ = at ? std::string(at->first) : std::string();
  return at.has_value();
}

}  // namespace opssight
