// What Prometheus' admin API asks of a store. Any thread; each call may take long.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/query/matcher.h"
#include "common/base/result.h"

namespace opssight {

class StoreAdmin {
 public:
  virtual ~StoreAdmin() = default;
  // Samples in [from_ms, to_ms] of the series that match are told no more.
  virtual Status DeleteSeries(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                              std::int64_t to_ms) = 0;
  virtual Status CleanTombstones() = 0;  // Frees the space of what was deleted.
  // Copies what is stored to <data>/snapshots/<name> and gives the name.
  virtual Result<std::string> Snapshot(bool skip_head) = 0;
};

}  // namespace opssight
