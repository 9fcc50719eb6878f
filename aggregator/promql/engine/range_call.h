// Functions over range vectors: rate, *_over_time and so on, and absent_over_time.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// The position of the range argument among the call's; args.size(): it has none.
std::size_t RangeArgument(const Call& call);

Result<Columns> EvaluateRangeCall(Query& query, const Call& call, const RangeFunctionInfo& function,
                                  const Steps& steps);
Result<Columns> EvaluateAbsentOverTime(Query& query, const Call& call, const Steps& steps);

}  // namespace opssight::promql
