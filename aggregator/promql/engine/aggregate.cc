#include "aggregator/promql/engine/aggregate.h"

#include <utility>
#include <vector>

#include "aggregator/promql/engine/count_values.h"
#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/fold.h"
#include "aggregator/promql/engine/grouping.h"
#include "aggregator/promql/engine/pick.h"
#include "aggregator/promql/functions/quantile.h"

namespace opssight::promql {

namespace {

bool IsPick(AggregateOp op) {
  return op == AggregateOp::kTopk || op == AggregateOp::kBottomk || op == AggregateOp::kLimitk ||
         op == AggregateOp::kLimitRatio;
}

Result<Columns> FoldGroups(Query& query, const AggregateExpr& aggregate,
                           const std::vector<double>& param, const Columns& columns,
                           const Steps& steps) {
  const std::vector<Group> groups = GroupColumns(columns, aggregate.grouping, aggregate.without);
  if (groups.empty()) return Columns();
  Columns results(groups.size());
  const auto work = [&](std::size_t begin, std::size_t end, Annotations& annotations) -> Status {
    Fold fold(aggregate, param, steps, annotations);
    for (std::size_t i = begin; i < end; ++i) {
      OPS_RETURN_IF_ERROR(query.budget.Take(steps.count));
      results[i] = fold.Run(groups[i]);
    }
    return {};
  };
  const std::size_t cost = steps.count * columns.size() / groups.size();
  OPS_RETURN_IF_ERROR(InPieces(query, groups.size(), cost, work));
  DropEmpty(results);
  return results;
}

}  // namespace

Result<Columns> EvaluateAggregate(Query& query, const AggregateExpr& aggregate,
                                  const Steps& steps) {
  if (aggregate.op == AggregateOp::kCountValues) {
    return EvaluateCountValues(query, aggregate, steps);
  }
  std::vector<double> param;
  if (aggregate.param) {
    OPS_TRY(param, EvaluateScalar(query, *aggregate.param, steps));
  }
  OPS_TRY(Columns columns, EvaluateVector(query, *aggregate.expr, steps));
  if (IsPick(aggregate.op)) {
    return PickSeries(query, aggregate, param, std::move(columns), steps);
  }
  if (aggregate.op == AggregateOp::kQuantile) {
    WarnOfQuantiles(param, Unparenthesized(*aggregate.param).pos, query.annotations);
  }
  return FoldGroups(query, aggregate, param, columns, steps);
}

}  // namespace opssight::promql
