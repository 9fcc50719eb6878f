// sum and avg of a group in which there are histograms, a step at a time.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "aggregator/promql/functions/function.h"
#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

class HistogramFold {
 public:
  HistogramFold(const AggregateExpr& aggregate, Annotations& annotations);

  // Floats and histograms at one step give nothing and a warning.
  void Run(std::span<const Column* const> members, std::size_t step, Column& column);

 private:
  void Floats(std::span<const Column* const> members, std::size_t step, Column& column) const;
  // RunningHistogramSum or RunningHistogramMean of the inputs. Null: their buckets do not go
  // together.
  template <class Total>
  HistogramPtr Fold();

  const AggregateExpr& aggregate_;
  const PosRange pos_;
  Annotations& annotations_;
  // Of the step at hand.
  std::vector<const Histogram*> inputs_;
  std::vector<const Column*> owners_;
};

}  // namespace opssight::promql
