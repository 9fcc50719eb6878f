// Tables of the aggregator's parts, for AggregatorTable alone.
#pragma once

#include "aggregator/config/aggregator_config.h"

namespace opssight {

const OptionTable<ListenConfig>& ListenTable();
const OptionTable<AgentsConfig>& AgentsTable();
const OptionTable<SessionOptions>& SessionTable();
const OptionTable<QueryConfig>& QueryTable();
// Two tables of one struct: what users think of as retention stands apart.
const OptionTable<StoreOptions>& RetentionTable();
const OptionTable<StoreOptions>& StoreTable();
const OptionTable<MetricsOptions>& MetricsTable();
const OptionTable<RollupOptions>& RollupTable();
const OptionTable<LogsOptions>& LogsTable();
const OptionTable<SpansOptions>& SpansTable();
const OptionTable<RemoteWriteOptions>& RemoteWriteTable();
const OptionTable<ForwardOptions>& ForwardTable();

}  // namespace opssight
