// What the status endpoints of Prometheus' API tell of this program.
#pragma once

#include <cstdint>

#include "aggregator/api/server_info.h"
#include "aggregator/config/aggregator_config.h"

namespace opssight {

// config outlives the result. What changes while the program runs is left empty.
ServerInfo MakeServerInfo(const AggregatorConfig& config, std::int64_t start_ms);

}  // namespace opssight
