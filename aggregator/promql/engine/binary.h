// Binary operators over scalars and vectors.
#pragma once

#include "aggregator/promql/engine/query.h"

namespace opssight::promql {

Result<Arg> EvaluateBinary(Query& query, const BinaryExpr& binary, const Steps& steps);

// A step of a column as one value; nothing there: absent, no histogram.
inline Value ValueAt(const Column& column, std::size_t step) {
  return {.value = column.values[step],
          .histogram = column.histograms.empty() ? nullptr : column.histograms[step]};
}
inline void PutValue(Value value, std::size_t step, Column& column) {
  if (value.histogram) {
    if (column.histograms.empty()) column.histograms.resize(column.values.size());
    column.histograms[step] = std::move(value.histogram);
    column.values[step] = Absent();
    return;
  }
  column.values[step] = value.value;
  if (!column.histograms.empty()) column.histograms[step] = nullptr;
}

}  // namespace opssight::promql
