// count_values: how many series of a group have each value.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Columns> EvaluateCountValues(Query& query, const AggregateExpr& aggregate,
                                    const Steps& steps);

}  // namespace opssight::promql
