// Subqueries: an expression evaluated at steps that are multiples of the subquery's own
// step since 1970, whatever the outer steps are.
#pragma once

#include "aggregator/promql/engine/query.h"
#include "aggregator/promql/engine/range_input.h"

namespace opssight::promql {

// The inner steps that the windows of all outer steps need. count may be 0.
Steps SubquerySteps(const NodePlan& node, const Steps& outer);

Result<Columns> EvaluateSubqueryColumns(Query& query, const SubqueryExpr& subquery,
                                        const Steps& inner);
Result<RangeInput> EvaluateSubquery(Query& query, const SubqueryExpr& subquery, const Steps& outer);

}  // namespace opssight::promql
