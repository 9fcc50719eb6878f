// From evaluated columns to what a query answers.
#pragma once

#include "aggregator/promql/engine/engine.h"
#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

using QueryValue = decltype(QueryResult::value);

// Evaluates the whole query, takes marked names off, and puts the answer into its form.
Result<QueryValue> Answer(Query& query, const Expr& expr, const Steps& steps);

}  // namespace opssight::promql
