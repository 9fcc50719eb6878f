// Aggregation operators.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Columns> EvaluateAggregate(Query& query, const AggregateExpr& aggregate, const Steps& steps);

}  // namespace opssight::promql
