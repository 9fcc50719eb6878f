// Operators between two vectors, set operators aside: series that match go together, one to
// one or many to one.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Columns> JoinVectors(Query& query, const BinaryExpr& binary, Columns left, Columns right,
                            const Steps& steps);

}  // namespace opssight::promql
