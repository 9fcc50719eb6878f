// Takes buckets out of blocks that are written: deletion (RollupStore::Delete).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/store/rollup/rollup_files.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"

namespace opssight {

struct RollupEdit {
  std::int64_t resolution_ms = 0;
  std::map<DayNumber, std::uint32_t> generations;  // Of the days that are edited.
  const std::vector<Matcher>& matchers;
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
};

// The buckets of matching series that hold something in [from_ms, to_ms] go; of series that
// only samples can tell of, all goes with a whole day, and nothing with less. Whether there was
// anything; days that had it say so from the same transaction on (RollupDay::edited). Doing it
// again changes nothing. Blocks and lists that are damaged stay as they are.
Result<bool> DropBuckets(Env& env, const RollupEdit& edit, std::size_t transaction_bytes_max);

}  // namespace opssight
