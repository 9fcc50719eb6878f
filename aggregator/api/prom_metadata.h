// A metric's type, help and unit as JSON.
#pragma once

#include <string_view>

#include "common/model/record.h"
#include "common/text/json.h"

namespace opssight {

// "type":"counter","help":"…","unit":"…", inside an object.
JsonWriter& WriteMetricFacts(JsonWriter& json, MetricType type, std::string_view help,
                             std::string_view unit);

}  // namespace opssight
