// Aggregations that leave series as they are and pick some of them at each step: topk,
// bottomk, limitk, limit_ratio.
#pragma once

#include <vector>

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// param: one a step. In the order in which they are picked: of an instant query's topk, the
// largest of the first group first.
Result<Columns> PickSeries(Query& query, const AggregateExpr& aggregate,
                           const std::vector<double>& param, Columns columns, const Steps& steps);

}  // namespace opssight::promql
