// What the status endpoints of Prometheus' API tell of this program.
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/api/server_info.h"
#include "aggregator/config/aggregator_config.h"
#include "aggregator/store/metrics/metric_days.h"

namespace opssight {

// config outlives the result. What changes while the program runs is left empty.
ServerInfo MakeServerInfo(const AggregatorConfig& config, std::int64_t start_ms);

// As status/tsdb/blocks tells them.
std::vector<StoredDayFacts> StoredDays(const std::vector<MetricDayInfo>& days);

}  // namespace opssight
