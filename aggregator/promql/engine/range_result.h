// A range vector as the answer of an instant query.
#pragma once

#include <vector>

#include "aggregator/promql/engine/engine.h"
#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// The points of a range selector's series, with their own times. Anchored and smoothed
// ranges have a point at either border.
Result<std::vector<ResultSeries>> RangePoints(Query& query, const Expr& expr, const Steps& steps);

}  // namespace opssight::promql
