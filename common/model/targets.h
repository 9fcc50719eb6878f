// What an agent scrapes and how that went, as values: an agent sends its snapshot to the
// aggregator, and both answer GET /api/v1/targets from it (WriteTargets). Pure; any thread.
// https://prometheus.io/docs/prometheus/latest/querying/api/#targets
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/labels.h"
#include "common/text/json.h"

namespace opssight {

enum class TargetHealth : std::uint8_t { kUnknown, kUp, kDown };

struct TargetState {
  Labels labels;           // Of its series.
  Labels discovered;       // Before relabeling.
  std::string scrape_url;  // As the agent reaches it,
  std::string global_url;  // and as others do.
  TargetHealth health = TargetHealth::kUnknown;
  std::string last_error;
  std::int64_t last_scrape_ms = 0;  // Unix; 0: never.
  double last_duration_s = 0;
  std::int64_t interval_ms = 0;
  std::int64_t timeout_ms = 0;
};

// A job and its targets.
struct ScrapePool {
  std::string name;
  std::string config_yaml;  // In effect, secrets masked.
  std::vector<TargetState> active;
  std::vector<Labels> dropped;  // By relabeling, as discovered; maybe not all that were.
  std::uint64_t dropped_count = 0;
};

struct TargetsSnapshot {
  std::vector<ScrapePool> pools;
  std::uint64_t left_out = 0;  // Targets that are not in it, for want of room.
};

// About what it takes in memory.
std::size_t BytesOf(const TargetState& target);
std::size_t BytesOf(const TargetsSnapshot& snapshot);

struct TargetsLimits {
  std::size_t pools_max = 1000;
  std::size_t targets_max = 10'000;   // Active and dropped ones of all pools.
  std::size_t bytes_max = 1UL << 20;  // As BytesOf says.
};
// Leaves out what is beyond the limits: room is for active targets first, then for
// configurations, then for dropped targets. Counts targets in left_out.
void LimitTargets(TargetsLimits limits, TargetsSnapshot& snapshot);

struct TargetsFilter {
  bool active = true;
  bool dropped = true;
  std::string_view pool;  // "": all.
};
// By the parameters state (in lower case) and scrapePool.
TargetsFilter MakeTargetsFilter(std::string_view state, std::string_view pool);

// {"activeTargets":[…],"droppedTargets":[…],"droppedTargetCounts":{…}}; by the pools' names,
// those of one name in the order given. As in Prometheus, counts are of all pools whatever
// the filter's is, and null where dropped targets are not asked for.
void WriteTargets(const std::vector<const ScrapePool*>& pools, const TargetsFilter& filter,
                  JsonWriter& json);
std::vector<const ScrapePool*> PoolsOf(const TargetsSnapshot& snapshot);

}  // namespace opssight
