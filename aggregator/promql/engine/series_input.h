// Series as the source has them, made ready for selectors.
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/promql/engine/query.h"
#include "aggregator/query/source.h"

namespace opssight::promql {

// The times that a selector looks at: those of the first and the last step.
struct Hull {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
};
Hull HullOf(const TimeShift& shift, const Steps& steps);

// One Select. reach: how far before and after the hull samples count. With node.find_resets
// the hints of histograms are found anew.
Result<std::vector<Series>> SelectSeries(Query& query, const std::vector<Matcher>& matchers,
                                         const NodePlan& node, const Hull& hull,
                                         std::int64_t reach_back_ms, std::int64_t reach_on_ms);

// Takes stale markers out.
void DropStale(Series& series);

bool IsStale(const Sample& sample);
bool IsStale(const HistogramSample& sample);

}  // namespace opssight::promql
