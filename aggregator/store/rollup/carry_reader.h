// CarryReader reads what a day's generation has of series that a newer one has nothing of:
// a rule of retention took their samples, or these are damaged. A new generation takes their
// buckets over (day_writer.h). Series that were deleted, or that only samples can tell of, are
// left out. One thread. Memory: what Some returns, and one list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/rollup/rollup_files.h"
#include "aggregator/store/rollup/rollup_list.h"
#include "common/base/result.h"
#include "common/bytes/hash.h"
#include "common/lmdb/env.h"

namespace opssight {

struct CarriedBlock {
  std::uint64_t metric = 0;
  RollupList list;
  std::string bytes;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
};

class CarryReader {
 public:
  struct From {
    std::int64_t resolution_ms = 0;
    DayNumber day = 0;
    std::uint32_t generation = 0;
  };
  // newer: keys of the series that the newer generation has, ascending. All outlive it.
  CarryReader(Env& env, const From& from, const std::vector<Hash128>& newer)
      : env_(env), from_(from), newer_(newer) {}

  // Appends blocks until they have about bytes_max. False: that was all. What is damaged is
  // left out, and the log says so.
  Result<bool> Some(std::size_t bytes_max, std::vector<CarriedBlock>& out);

 private:
  Status Add(ReadTxn& txn, Table lists, const BlockKey& key, std::string_view bytes,
             std::vector<CarriedBlock>& out) const;

  Env& env_;
  const From from_;
  const std::vector<Hash128>& newer_;
  std::string next_ = std::string(1, '\0');
};

}  // namespace opssight
