// What an operator may ask of the store of metrics beside queries: deletion, snapshots, and
// what takes the memory. The shapes of Prometheus' /api/v1/admin/tsdb/* and
// /api/v1/status/tsdb. Any thread; the admin's calls take seconds.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/query/matcher.h"
#include "common/base/result.h"

namespace opssight {

class MetricsAdmin {
 public:
  virtual ~MetricsAdmin() = default;

  // Deletes what was acknowledged before the call of the series that match any of the
  // selectors, in [from_ms, to_ms]: gone from answers at once, and after a restart too. What
  // comes later shows, also at these times. kExhausted: too many deletions wait to be cleaned.
  virtual Status DeleteSeries(const std::vector<std::vector<Matcher>>& selectors,
                              std::int64_t from_ms, std::int64_t to_ms) = 0;
  // Gives back the disk that what was deleted takes.
  virtual Status CleanTombstones() = 0;
  // All that was acknowledged before the call (without skip_head: what is in memory too), as
  // a folder that a store can be started over. Its name in <data>/snapshots.
  virtual Result<std::string> Snapshot(bool skip_head) = 0;
};

struct TsdbStatistics {
  using Count = std::pair<std::string, std::uint64_t>;
  std::uint64_t series = 0;  // Of the head.
  std::uint64_t label_pairs = 0;
  std::uint64_t chunks = 0;
  std::int64_t min_time_ms = 0;  // 0, 0: the head is empty.
  std::int64_t max_time_ms = 0;
  // The largest first, at most as many as were asked for.
  std::vector<Count> series_by_metric;       // Metric name to series.
  std::vector<Count> values_by_label;        // Label name to its values.
  std::vector<Count> bytes_by_label;         // Label name to the bytes of its values.
  std::vector<Count> series_by_label_value;  // "name=value" to series.
};

class TsdbStats {
 public:
  virtual ~TsdbStats() = default;
  virtual TsdbStatistics Statistics(std::size_t top) const = 0;
};

}  // namespace opssight
