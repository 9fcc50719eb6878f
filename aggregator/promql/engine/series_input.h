// Series as the source has them, made ready for selectors.
#pragma once

#include <cstdint>
#include <functional>
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

// What one Select is asked for. What it refers to outlives it.
struct Selection {
  const std::vector<Matcher>& matchers;
  const NodePlan& node;
  Hull hull;
  // How far before and after the hull samples count.
  std::int64_t reach_back_ms = 0;
  std::int64_t reach_on_ms = 0;
  PosRange pos;  // Of what asks, for annotations.
};

// One selection. With node.find_resets the hints of histograms are found anew. Warns where the
// source has only some of the samples any more.
Result<std::vector<Series>> SelectSeries(Query& query, const Selection& selection);

// The same, portion by portion, on the query's threads: what work makes of the series of one
// portion is joined in their order. Their samples are gone before the next portion is read.
using PortionWork =
    std::function<Result<Columns>(std::vector<Series> series, Annotations& annotations)>;
Columns Joined(std::vector<Columns> pieces);  // In their order.
Result<Columns> SelectColumns(Query& query, const Selection& selection, const PortionWork& work);

// Takes stale markers out.
void DropStale(Series& series);

bool IsStale(const Sample& sample);
bool IsStale(const HistogramSample& sample);

}  // namespace opssight::promql
