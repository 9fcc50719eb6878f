// Smoothed instant selectors: the value at a step is interpolated between the samples
// around it, each at most the lookback away; with none behind it the last one stays.
#pragma once

#include <vector>

#include "aggregator/promql/engine/query.h"
#include "aggregator/query/source.h"

namespace opssight::promql {

Result<Columns> SmoothedColumns(Query& query, std::vector<Series> all, const TimeShift& shift,
                                const Steps& steps, PosRange pos);

// On the line between two samples, at a time between theirs.
double Interpolate(const Sample& before, const Sample& after, std::int64_t time_ms);
// The same of histograms; a counter that began anew grows from zero. Null: one has
// exponential buckets and the other its own.
HistogramPtr Interpolate(const HistogramSample& before, const HistogramSample& after,
                         std::int64_t time_ms);

}  // namespace opssight::promql
