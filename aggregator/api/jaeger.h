// A trace as the Jaeger v1 JSON that its UI and Grafana read.
#pragma once

#include <vector>

#include "aggregator/api/json.h"
#include "common/model/record.h"

namespace opssight {

// spans: of one trace, at least one.
void WriteJaegerTrace(const std::vector<Span>& spans, JsonWriter& json);

}  // namespace opssight
