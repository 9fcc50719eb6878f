// Names what the aggregator's parts count, for /metrics and for its own series.
#pragma once

#include "aggregator/enrol/registry.h"
#include "aggregator/ingest/ingest_stats.h"
#include "aggregator/serve/service.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/rollup/rolled_source.h"
#include "aggregator/store/rollup/rollup_store.h"
#include "aggregator/store/store_options.h"
#include "aggregator/targets/agent_targets.h"
#include "common/selfmon/registry.h"

namespace opssight {

// All outlive the registry.
void AddStoreMetrics(Registry& registry, const StoreStats& stats);
void AddSignalMetrics(Registry& registry, StoreSignal signal, const SignalStore& store);
void AddSeriesMetrics(Registry& registry, const MetricsStore& store);
void AddRollupMetrics(Registry& registry, const RollupStore& store, const RolledSource& source);
void AddIngestMetrics(Registry& registry, const IngestStats& stats);
void AddEnrolMetrics(Registry& registry, const RegistryStats& stats);
void AddTargetsMetrics(Registry& registry, AgentTargets& targets);
void AddServeMetrics(Registry& registry, const Service& service);

}  // namespace opssight
