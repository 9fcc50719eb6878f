// Evaluates a part of a query's tree over steps: whole series at a time.
#pragma once

#include <vector>

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// A vector, a scalar or a string; range vectors are read by those who take them
// (range_input.h). Errors: kInvalid (the query cannot be answered), kExhausted (a limit),
// kUnavailable (cancelled), others from the source.
Result<Arg> Evaluate(Query& query, const Expr& expr, const Steps& steps);
Result<Columns> EvaluateVector(Query& query, const Expr& expr, const Steps& steps);
Result<std::vector<double>> EvaluateScalar(Query& query, const Expr& expr, const Steps& steps);

// Columns that have a value at some step.
void DropEmpty(Columns& columns);
bool HasAny(const Column& column);

}  // namespace opssight::promql
