// What histogram_quantile and its kin work on: native histograms, and the series of classic
// ones put together by their labels without "le". Grouped once for all steps.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/promql/functions/classic_histogram.h"
#include "aggregator/promql/functions/function.h"

namespace opssight::promql {

struct HistogramGroup {
  Labels labels;  // Name and all, without "le" where there are classic buckets.
  bool drop_name = false;
  // Bounds ascend. Columns are of the argument.
  std::vector<std::pair<double, const Column*>> classic;
  const Column* native = nullptr;
};

class HistogramGroups {
 public:
  // columns outlives it. A bucket without a bound, and a step at which a histogram is there in
  // both forms (it is left out), are warned of.
  HistogramGroups(const Columns& columns, PosRange pos, Annotations& annotations);

  const std::vector<HistogramGroup>& all() const { return groups_; }

  // What a group is at a step. Nothing of both where it has both.
  struct AtStep {
    const Histogram* native = nullptr;
    std::vector<ClassicBucket> classic;  // Empty: none.
  };
  // at is written anew, its memory reused.
  void Get(const HistogramGroup& group, std::size_t step, AtStep& at) const;

 private:
  std::vector<HistogramGroup> groups_;
  const PosRange pos_;
  Annotations& annotations_;
};

}  // namespace opssight::promql
