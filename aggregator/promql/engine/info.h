// info(): adds the labels of info series (target_info and so on) to those of series with
// the same instance and job.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Columns> EvaluateInfo(Query& query, const Call& call, const Steps& steps);

}  // namespace opssight::promql
