// Functions that make another float of each float of a vector.
#pragma once

#include <utility>

#include "aggregator/promql/functions/families.h"

namespace opssight::promql {

// change(value, step); histograms go, and names.
template <class Change>
Result<Columns> MapFloats(VectorArgs& args, Change&& change) {
  Columns columns = std::move(args.args[0].columns);
  for (Column& column : columns) {
    column.histograms.clear();
    for (std::size_t step = 0; step < column.values.size(); ++step) {
      double& value = column.values[step];
      if (!IsAbsent(value)) value = change(value, step);
    }
  }
  return Nameless(std::move(columns), args.options);
}

}  // namespace opssight::promql
