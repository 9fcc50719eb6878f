// Values while a query runs. The engine evaluates column-wise: each operator yields whole
// series over all steps of the query (one step for an instant query).
//
// A column has one double a step; a step without a value holds the stale NaN's bits, which
// no computation yields. Where a series has native histograms, `histograms` has a pointer a
// step (null: none) and the float of a step that has one is absent.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/model/histogram.h"
#include "common/model/labels.h"
#include "common/model/record.h"

namespace opssight::promql {

inline double Absent() {
  return std::bit_cast<double>(kStaleNanBits);
}
inline bool IsAbsent(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

using HistogramPtr = std::shared_ptr<const Histogram>;

struct Column {
  Labels labels;
  bool drop_name = false;                // __name__ (and __type__, __unit__) go at the end.
  std::vector<double> values;            // One a step.
  std::vector<HistogramPtr> histograms;  // Empty, or one a step.

  bool HasFloat(std::size_t step) const { return !IsAbsent(values[step]); }
  bool HasHistogram(std::size_t step) const {
    return !histograms.empty() && histograms[step] != nullptr;
  }
  bool Has(std::size_t step) const { return HasFloat(step) || HasHistogram(step); }
  bool HasFloats() const { return !std::all_of(values.begin(), values.end(), IsAbsent); }
};
using Columns = std::vector<Column>;  // Of a vector: in no order, or (sort) as to be shown.

// The steps of an evaluation: start, start + interval, …, count of them.
struct Steps {
  std::int64_t start_ms = 0;
  std::int64_t interval_ms = 0;  // 0 where count is 1.
  std::size_t count = 1;
  std::int64_t At(std::size_t i) const {
    return start_ms + static_cast<std::int64_t>(i) * interval_ms;
  }
};

}  // namespace opssight::promql
