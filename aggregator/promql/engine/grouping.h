// Which series an aggregation puts together: found once a series, for all steps.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "aggregator/promql/value/value.h"

namespace opssight::promql {

struct Group {
  Labels labels;
  std::vector<const Column*> members;  // In the order of the input; never none.
};

// by(grouping) or without(grouping), which takes the name off too. In the order in which
// the groups' first members come.
std::vector<Group> GroupColumns(const Columns& columns, std::vector<std::string> grouping,
                                bool without);

}  // namespace opssight::promql
