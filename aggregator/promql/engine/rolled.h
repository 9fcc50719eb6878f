// Answers out of the source's rollups, where they are what the samples would give: first and
// last step, interval, range and offset are multiples of a resolution, and the function is
// one that buckets know all about (rollup.h). Years at a step of an hour then cost what
// their buckets cost.
//
// Nothing where that is not so, or the source says so: then samples are to be asked.
#pragma once

#include <optional>
#include <vector>

#include "aggregator/promql/engine/query.h"
#include "aggregator/query/source.h"

namespace opssight::promql {

// What a range function gives of a selector, a column a series (empty values: nothing), with
// the labels of the series.
Result<std::optional<Columns>> RolledRange(Query& query, const Call& call, const Expr& range,
                                           const Steps& steps);

// Samples of which a selector's newest ones are those of all samples: the last of each slot.
Result<std::optional<std::vector<Series>>> RolledNewest(Query& query,
                                                        const VectorSelector& selector,
                                                        const Steps& steps);

}  // namespace opssight::promql
