// and, or, unless.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Columns> CombineSets(const BinaryExpr& binary, Columns left, Columns right,
                            const Steps& steps);

}  // namespace opssight::promql
