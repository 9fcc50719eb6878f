// Results of queries as JSON.
#pragma once

#include "aggregator/promql/engine/engine.h"
#include "common/text/json.h"

namespace opssight {

// [1.500,"2"]
void WritePoint(JsonWriter& json, std::int64_t time_ms, double value);
// [1.500,{"count":"…","sum":"…","buckets":[[0,"0.5","1","3"],…]}]
void WriteHistogramPoint(JsonWriter& json, std::int64_t time_ms, const Histogram& histogram);

using QueryValue = decltype(promql::QueryResult::value);
// "resultType":"vector","result":[…], inside an object.
void WriteQueryValue(JsonWriter& json, const QueryValue& value);
// How large the answer gets: a number counts one, a histogram one more for each bucket.
std::uint64_t CountPoints(const QueryValue& value);
// Cuts a vector or matrix to `limit` series. True: some were left out.
bool CutSeries(QueryValue& value, std::size_t limit);

}  // namespace opssight
