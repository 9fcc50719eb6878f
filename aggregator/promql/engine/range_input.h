// Range vectors: the samples of a range selector's or a subquery's series, over which
// windows move from step to step without copying.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "aggregator/promql/engine/query.h"
#include "aggregator/query/source.h"

namespace opssight::promql {

struct RangeSeries {
  Series series;           // Without stale markers.
  bool drop_name = false;  // Of a subquery's series.
};

// Where windows are, seen from a step.
struct RangeShape {
  TimeShift shift;
  std::int64_t range_ms = 0;
  Extend extend = Extend::kNone;
  std::int64_t lookback_ms = 0;  // How far extended windows reach over their borders.
};

struct RangeInput {
  RangeShape shape;
  std::vector<RangeSeries> series;
};

bool IsRange(const Expr& expr);  // A range selector or a subquery; no parentheses.
Result<RangeInput> EvaluateRange(Query& query, const Expr& expr, const Steps& steps);

// What work makes of the series of either, in portions (SelectColumns); of a subquery in one.
using RangeWork = std::function<Result<Columns>(RangeInput input, Annotations& annotations)>;
Result<Columns> EvaluateRangeColumns(Query& query, const Expr& expr, const Steps& steps,
                                     const RangeWork& work);

// The windows of one series, from step to step. Spans are of `series`, which outlives it.
class MovingWindow {
 public:
  MovingWindow(const RangeShape& shape, const Series& series) : shape_(shape), series_(series) {}

  // Steps only grow. False: nothing is in reach.
  bool MoveTo(std::int64_t step_ms);
  const Window& window() const { return window_; }

 private:
  const RangeShape& shape_;
  const Series& series_;
  Window window_;
  std::size_t floats_begin_ = 0;
  std::size_t floats_end_ = 0;
  std::size_t histograms_begin_ = 0;
  std::size_t histograms_end_ = 0;
};

}  // namespace opssight::promql
