// Names what the agent's parts count, for /metrics and for its own series.
#pragma once

#include <functional>

#include "agent/batch/options.h"
#include "agent/scrape/series.h"
#include "agent/ship/ship_stats.h"
#include "agent/spool/spool.h"
#include "agent/tail/options.h"
#include "common/selfmon/registry.h"

namespace opssight {

// What is given outlives the registry's last use; read on the thread that writes.
void AddSpoolMetrics(Registry& registry, std::function<SpoolStats()> read);
void AddBatchMetrics(Registry& registry, std::function<BatchStats()> read);
void AddShipMetrics(Registry& registry, const ShipStats& stats);
void AddTailMetrics(Registry& registry, const TailStats& stats);
void AddScrapeMetrics(Registry& registry, const ScrapeStats& stats);

}  // namespace opssight
