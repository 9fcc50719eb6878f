// What is known of a query's parts before it runs: durations and @ resolved to
// milliseconds, and which parts give the same at every step and are therefore evaluated
// once. The tree itself stays as parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "aggregator/promql/engine/times.h"
#include "aggregator/promql/syntax/ast.h"
#include "common/base/result.h"

namespace opssight::promql {

struct PlanTimes {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t step_ms = 0;           // 0: an instant query.
  std::int64_t subquery_step_ms = 0;  // Where a subquery says none.
};

struct NodePlan {
  std::int64_t range_ms = 0;  // Of a range selector or a subquery.
  std::int64_t step_ms = 0;   // Of a subquery.
  TimeShift shift;            // Of a selector, a range selector or a subquery.
  bool invariant = false;     // The same at every step.
  // Only counts and sums of its histograms matter, and their reset hints are to be found
  // from one histogram to the next, as Prometheus does under histogram_count and the like.
  bool find_resets = false;
  // A selector's series are only counted: nobody looks at their labels.
  bool unlabelled = false;
};

class Plan {
 public:
  // kInvalid: a duration that cannot be.
  static Result<Plan> Make(const Expr& expr, const PlanTimes& times);
  const NodePlan& Of(const Expr& expr) const;

 private:
  std::unordered_map<const Expr*, NodePlan> nodes_;
};

}  // namespace opssight::promql
