// Calls of functions: each kind to what runs it.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Arg> EvaluateCall(Query& query, const Call& call, const Steps& steps);

}  // namespace opssight::promql
