// Tables of the aggregator's parts, for AggregatorTable alone.
#pragma once

#include "aggregator/config/aggregator_config.h"

namespace opssight {

const OptionTable<ListenConfig>& ListenTable();
const OptionTable<AgentsConfig>& AgentsTable();
const OptionTable<QueryConfig>& QueryTable();

}  // namespace opssight
