// What a scraper knows of its targets and hands to the one that comes after it (a reload):
// so series that are gone from the settings end, and those that stay go on as if nothing
// had been.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "agent/scrape/series.h"
#include "agent/scrape/target.h"
#include "common/model/targets.h"

namespace opssight {

struct KnownTarget {
  Target target;
  TargetSeries series;
  TargetHealth health = TargetHealth::kUnknown;
  std::string last_error;
  std::int64_t last_scrape_ms = 0;
  double last_duration_s = 0;
};

struct LeftTarget {
  std::unique_ptr<KnownTarget> known;
  std::int64_t left_ms = 0;  // Wall clock; the time of the stale markers.
  std::int64_t due_ms = 0;   // When they are written.
};

// By the hash of the target's labels: its series go on under another URL or interval, too.
using ScrapeMemory = std::multimap<std::uint64_t, LeftTarget>;

}  // namespace opssight
