// Which info series an info() call is about, and what they are at each step.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

// What the call's second argument asks for.
struct InfoSelector {
  std::vector<Matcher> names;  // Of __name__: which info metrics.
  std::vector<Matcher> data;   // Of labels that are to be added; none: all of them.
};
Result<InfoSelector> ReadInfoSelector(const Call& call);

// The time that info series are read at, for each of steps: that of the samples under expr,
// by the offsets and @ of its first selector and the subqueries around it.
std::vector<std::int64_t> InfoTimes(const Query& query, const Expr& expr, const Steps& steps);

// Label values of the series that may find info series: identifying label to values.
using IdentifyingValues = std::map<std::string, std::vector<std::string>>;

// The info series; a value is the time in ms of the sample that counts at the step. pos: of
// the call.
Result<Columns> SelectInfo(Query& query, const InfoSelector& selector,
                           const IdentifyingValues& values, const std::vector<std::int64_t>& times,
                           PosRange pos);

}  // namespace opssight::promql
