// RollupFiles: the environments that rollups stand in, a file for each resolution and month,
// r5m-YYYYMM.mdb and r1h-YYYYMM.mdb, so that dropping what is old is an unlink. Tables, all
// integers in keys big-endian:
//
//   days    day u32                                        what is known of the day (RollupDay)
//   begun   day u32                                        empty: half of a generation may be there
//   lists   hash of the list, 16 B                         rollup_list.h
//   blocks  XXH3-64 of the metric's name, day u32,         rollup_block.h
//           generation u32, number u32
//
// A day's blocks count once its entry in `days` says their generation, so a day is replaced
// at one moment. A metric's blocks of a month stand together, by day.
//
// Any thread; LMDB lets one write to a file at a time. A file that is no
// database any more is moved aside (<name>.bad, .bad-2, …), counted, and nothing else stops.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/store/days/day.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/bytes/hash.h"
#include "common/lmdb/env.h"

namespace opssight {

using MonthNumber = std::int64_t;  // Years * 12 + months from 0.

MonthNumber MonthOfDay(DayNumber day);
DayNumber FirstDayOf(MonthNumber month);

struct RollupDay {
  std::uint32_t generation = 0;
  WalPosition cut = 0;  // Of what flushes up to it had written.
  // Something was deleted from it by whole buckets: samples say it better, where they are.
  bool edited = false;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
};
// Whether the samples that this was made of are gone with the day's file: there is none (0), or
// one that later cuts wrote. Then buckets are all there is of them.
inline bool IsWithoutSamples(const RollupDay& day, WalPosition first_cut) {
  return day.series != 0 && (first_cut == 0 || first_cut > day.cut);
}
std::string EncodeRollupDay(const RollupDay& day);
Result<RollupDay> DecodeRollupDay(std::string_view bytes);  // kCorrupt

struct BlockKey {
  std::uint64_t metric = 0;  // XXH3-64 of its name.
  DayNumber day = 0;
  std::uint32_t generation = 0;
  std::uint32_t number = 0;

  std::string ToBytes() const;
  static std::optional<BlockKey> Parse(std::string_view bytes);
};

std::string DayKeyOf(DayNumber day);
std::string ListKeyOf(const Hash128& list);
// The list of that name; index is empty. kCorrupt: it is not there, or damaged.
Status LoadRollupList(ReadTxn& txn, Table lists, const Hash128& name, SeriesIndex& index);

// Calls see with the blocks from key `next` on, until it says that it has enough, or for as many
// as one transaction should; next is where to go on then. False: that was all.
using SeeBlock = std::function<Result<bool>(const BlockKey& key, std::string_view bytes)>;
Result<bool> WalkBlocks(ReadTxn& txn, std::string& next, const SeeBlock& see);

class RollupFiles {
 public:
  static constexpr const char* kDays = "days";
  static constexpr const char* kBegun = "begun";
  static constexpr const char* kLists = "lists";
  static constexpr const char* kBlocks = "blocks";

  RollupFiles(std::string dir, std::size_t map_bytes)
      : dir_(std::move(dir)), map_bytes_(map_bytes) {}

  // Makes the folder and lists what there is.
  Status Open() OPS_EXCLUDES(mutex_);
  // Null: there is no such file.
  Result<std::shared_ptr<Env>> Find(std::int64_t resolution_ms, MonthNumber month) const
      OPS_EXCLUDES(mutex_);
  // With all its tables.
  Result<std::shared_ptr<Env>> FindOrMake(std::int64_t resolution_ms, MonthNumber month)
      OPS_EXCLUDES(mutex_);
  std::vector<MonthNumber> Months(std::int64_t resolution_ms) const OPS_EXCLUDES(mutex_);
  // Unlinks the file. A reader that has the environment reads on.
  void Drop(std::int64_t resolution_ms, MonthNumber month) OPS_EXCLUDES(mutex_);
  // A copy of each in dir.
  Status SnapshotInto(const std::string& dir) const OPS_EXCLUDES(mutex_);

  std::uint64_t disk_bytes() const OPS_EXCLUDES(mutex_);
  std::uint64_t bad_files() const { return bad_files_.load(std::memory_order_relaxed); }

 private:
  using FileKey = std::pair<std::int64_t, MonthNumber>;  // Resolution, month.
  std::string Path(const FileKey& key) const;
  Result<std::shared_ptr<Env>> OpenLocked(const FileKey& key) const OPS_REQUIRES(mutex_);

  const std::string dir_;
  const std::size_t map_bytes_;
  mutable std::atomic<std::uint64_t> bad_files_{0};
  mutable Mutex mutex_;
  mutable std::map<FileKey, std::shared_ptr<Env>> files_ OPS_GUARDED_BY(mutex_);  // Null: not open.
};

}  // namespace opssight
