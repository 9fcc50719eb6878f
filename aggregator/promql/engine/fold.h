// Aggregations that make one value of a group's: sum, avg, count, min, max, group, stddev,
// stdvar, quantile. A group at a time, a series after the other through all steps.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "aggregator/promql/engine/grouping.h"
#include "aggregator/promql/functions/function.h"
#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

class Fold {
 public:
  // param: one a step, of quantile. All outlive this.
  Fold(const AggregateExpr& aggregate, std::span<const double> param, const Steps& steps,
       Annotations& annotations);

  Column Run(const Group& group);

 private:
  using Members = std::span<const Column* const>;
  void Sum(Members members, std::vector<double>& values);
  void Avg(Members members, std::vector<double>& values);
  void Extreme(Members members, std::vector<double>& values) const;
  void Count(Members members, std::vector<double>& values) const;
  void Deviation(Members members, std::vector<double>& values);
  void Quantile(Members members, std::vector<double>& values) const;
  // sum and avg where histograms are among the values.
  void WithHistograms(Members members, Column& column);
  void NoteIgnored(Members members);

  const AggregateExpr& aggregate_;
  const std::span<const double> param_;
  const Steps& steps_;
  Annotations& annotations_;
  // One a step, used anew for each group.
  std::vector<double> sum_;
  std::vector<double> compensation_;
  std::vector<double> count_;
};

}  // namespace opssight::promql
