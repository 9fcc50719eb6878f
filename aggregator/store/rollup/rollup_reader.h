// RollupReader reads the buckets of the series that match, day by day, for one query. Series
// get numbers, the same from call to call. One thread; a month is one read transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/query/rollup.h"
#include "aggregator/query/source.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/rollup/rollup_block.h"
#include "aggregator/store/rollup/rollup_files.h"

namespace opssight {

using RollupDays = std::map<DayNumber, RollupDay>;

// The days of [from, to] that there are rollups of. What is damaged is left out.
Result<RollupDays> ReadRollupDays(const RollupFiles& files, std::int64_t resolution_ms,
                                  DayNumber from, DayNumber to);

class RollupReader {
 public:
  // files, matchers and limits outlive it.
  RollupReader(const RollupFiles& files, const std::vector<Matcher>& matchers,
               const QueryLimits& limits)
      : files_(files), matchers_(matchers), limits_(limits) {}

  // Calls fn for each series and day of `days`, the days of a series in their order; stops at
  // its first error. Of series that only samples can tell of it is not called.
  using OnBuckets =
      std::function<Status(SeriesId series, DayNumber day, const DayBuckets& buckets)>;
  Status Read(std::int64_t resolution_ms, const std::set<DayNumber>& days, const BucketParts& parts,
              const OnBuckets& fn);
  // Label sets of the series that have anything on these days.
  Result<std::vector<Labels>> ReadLabels(std::int64_t resolution_ms,
                                         const std::set<DayNumber>& days);

  // The label sets of the numbers.
  const SeriesIndex& index() const { return index_; }
  SeriesIndex& index() { return index_; }
  // Whether there were series that only samples can tell of.
  bool needs_samples() const { return needs_samples_; }
  // Days with blocks that could not be read.
  const std::set<DayNumber>& damaged() const { return damaged_; }

 private:
  struct ListSeries {
    SeriesId place = 0;   // In the list.
    SeriesId number = 0;  // Of the reader.
  };
  struct Month {
    std::int64_t resolution_ms = 0;
    std::vector<DayNumber> days;  // Ascending.
    const BucketParts& parts;
    const OnBuckets* fn = nullptr;  // Null: only series are asked for.
    std::map<DayNumber, std::uint32_t> generations;
  };
  Status ReadAll(std::int64_t resolution_ms, const std::set<DayNumber>& days,
                 const BucketParts& parts, const OnBuckets* fn);
  Status ReadMonth(Env& env, Month& month);
  Status ReadBlock(ReadTxn& txn, Table lists, const Month& month, const BlockKey& key,
                   std::string_view bytes);
  // Those of the list that match.
  Result<const std::vector<ListSeries>*> Find(ReadTxn& txn, Table lists, const Hash128& list);

  const RollupFiles& files_;
  const std::vector<Matcher>& matchers_;
  const QueryLimits& limits_;
  SeriesIndex index_;
  std::unordered_map<Hash128, std::vector<ListSeries>> lists_;
  std::set<SeriesId> named_;  // By ReadLabels.
  bool needs_samples_ = false;
  std::set<DayNumber> damaged_;
};

}  // namespace opssight
