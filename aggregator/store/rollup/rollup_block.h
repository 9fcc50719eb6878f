// A rollup block ("ORB1"): the buckets of one day of some series of one metric, columns of
// them, and the name of the list that says which series they are (rollup_list.h). The format
// is in README.md. Pure; any bytes are read or refused as kCorrupt.
//
//   const EncodedBuckets encoded = EncodeBuckets(day, resolution_ms, buckets);
//   RollupBlockWriter writer(list);
//   writer.Add(encoded.shape, encoded.values);
//   std::string bytes = writer.Finish();
//
// Cost: about 10 ns a bucket and column to write, 3 to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/rollup/day_buckets.h"
#include "common/base/result.h"
#include "common/bytes/hash.h"

namespace opssight {

inline constexpr std::size_t kRollupSeriesMax = 4096;  // Of a block.

struct EncodedBuckets {
  std::string shape;   // Numbers, counts and times: series of one target share them.
  std::string values;  // Empty (as is shape): only samples can tell of this series.
};
// buckets may be empty.
EncodedBuckets EncodeBuckets(DayNumber day, std::int64_t resolution_ms, const DayBuckets& buckets);
// False for bytes that are none.
bool DecodeBuckets(DayNumber day, std::int64_t resolution_ms, std::string_view shape,
                   std::string_view values, DayBuckets& out);

class RollupBlockWriter {
 public:
  explicit RollupBlockWriter(Hash128 list) : list_(list) {}
  // At most kRollupSeriesMax. shape lives until Finish.
  void Add(std::string_view shape, std::string_view values);
  std::string Finish() const;

 private:
  const Hash128 list_;
  std::vector<std::string_view> shapes_;
  std::size_t series_ = 0;
  std::string directory_;
  std::string values_;
};

class RollupBlock {
 public:
  // Views bytes, which outlive it.
  static Result<RollupBlock> Open(std::string_view bytes, DayNumber day,
                                  std::int64_t resolution_ms);

  // The list that a block says it is of; looks at its head only.
  static Result<Hash128> ListOf(std::string_view bytes);

  const Hash128& list() const { return list_; }
  std::size_t size() const { return series_.size(); }
  // Only samples can tell of series i: it has native histograms, say.
  bool NeedsSamples(std::size_t i) const { return series_[i].shape == 0; }
  // All of series i was deleted.
  bool IsEmpty(std::size_t i) const { return !NeedsSamples(i) && shape(i).starts_with('\0'); }
  // As they were added.
  std::string_view shape(std::size_t i) const {
    return NeedsSamples(i) ? std::string_view() : shapes_[series_[i].shape - 1];
  }
  std::string_view values(std::size_t i) const { return series_[i].values; }
  // The parts asked for of series i; the others are 0. False: the bytes are damaged.
  bool Read(std::size_t i, const BucketParts& parts, DayBuckets& out);

 private:
  struct Directory {
    std::size_t shape = 0;  // From 1 on; 0: none.
    std::string_view values;
  };
  std::int64_t day_ms_ = 0;
  std::int64_t resolution_ms_ = 0;
  Hash128 list_;
  std::vector<std::string_view> shapes_;
  std::vector<Directory> series_;
  std::size_t read_shape_ = 0;  // The one that shape_ is of; 0: none.
  DayBuckets shape_;
};

}  // namespace opssight
