#include "aggregator/promql/engine/plan.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "aggregator/promql/engine/duration_expr.h"
#include "aggregator/promql/engine/evaluate.h"
#include "common/base/check.h"

namespace opssight::promql {

namespace {

using Nodes = std::unordered_map<const Expr*, NodePlan>;

// What depends on the evaluation time even where all its arguments do not.
constexpr std::array<std::string_view, 17> kTimeDependent = {
    "day_of_month", "day_of_week", "day_of_year",    "days_in_month", "end",   "hour",
    "minute",       "month",       "predict_linear", "range",         "start", "start_timestamp",
    "step",         "time",        "timestamp",      "year",          "info"};

bool IsTimeDependent(std::string_view function) {
  return std::find(kTimeDependent.begin(), kTimeDependent.end(), function) != kTimeDependent.end();
}

bool IsHistogramTotal(std::string_view function) {
  return function == "histogram_count" || function == "histogram_sum" ||
         function == "histogram_avg";
}

bool NeedsBuckets(std::string_view function) {
  return function == "histogram_quantile" || function == "histogram_quantiles" ||
         function == "histogram_fraction";
}

// A selector whose series the aggregation only counts, all in one group. Null: none such.
const VectorSelector* OnlyCounted(const AggregateExpr& aggregate) {
  const bool counts = aggregate.op == AggregateOp::kCount || aggregate.op == AggregateOp::kGroup;
  if (!counts || aggregate.without || !aggregate.grouping.empty()) return nullptr;
  const auto* selector = As<VectorSelector>(Unparenthesized(*aggregate.expr));
  return selector != nullptr && selector->extend == Extend::kNone ? selector : nullptr;
}

class Planner {
 public:
  Planner(const PlanTimes& times, Nodes& nodes) : times_(times), nodes_(nodes) {
    terms_.step_ms = times.step_ms;
    terms_.range_ms = SubMs(times.end_ms, times.start_ms);
  }

  // Whether it is the same at every step. find_resets: see NodePlan.
  Result<bool> Visit(const Expr& expr, bool find_resets);

 private:
  Result<TimeShift> Shift(const At& at, const Duration& offset) const;
  Result<bool> VisitSelector(const VectorSelector& selector, bool find_resets);
  Result<bool> VisitRange(const MatrixSelector& range, bool find_resets);
  Result<bool> VisitSubquery(const SubqueryExpr& subquery);
  Result<bool> VisitCall(const Call& call, bool find_resets);
  Result<bool> VisitBoth(const Expr& left, const Expr* right, bool find_resets);

  const PlanTimes& times_;
  DurationTerms terms_;
  Nodes& nodes_;
};

Result<TimeShift> Planner::Shift(const At& at, const Duration& offset) const {
  TimeShift shift;
  if (at.kind == AtKind::kTime) shift.at_ms = at.ms;
  if (at.kind == AtKind::kStart) shift.at_ms = times_.start_ms;
  if (at.kind == AtKind::kEnd) shift.at_ms = times_.end_ms;
  OPS_TRY(shift.offset_ms, ResolveDuration(offset, terms_, true));
  return shift;
}

Result<bool> Planner::VisitSelector(const VectorSelector& selector, bool find_resets) {
  NodePlan& node = nodes_[&selector];
  OPS_TRY(node.shift, Shift(selector.at, selector.offset));
  node.find_resets = find_resets;
  return node.shift.at_ms.has_value();
}

Result<bool> Planner::VisitRange(const MatrixSelector& range, bool find_resets) {
  OPS_CHECK(range.selector != nullptr, "a range selector has its selector");
  OPS_TRY(const bool fixed, VisitSelector(*range.selector, find_resets));
  NodePlan node = nodes_[range.selector.get()];
  OPS_TRY(node.range_ms, ResolveDuration(range.range, terms_, false));
  nodes_[&range] = node;
  return fixed;
}

Result<bool> Planner::VisitSubquery(const SubqueryExpr& subquery) {
  NodePlan node;
  OPS_TRY(node.shift, Shift(subquery.at, subquery.offset));
  OPS_TRY(node.range_ms, ResolveDuration(subquery.range, terms_, false));
  node.step_ms = times_.subquery_step_ms;
  if (subquery.step) {
    OPS_TRY(node.step_ms, ResolveDuration(*subquery.step, terms_, false));
  }
  // What a subquery leaves out between its steps is needed to see resets: whole histograms.
  OPS_TRY(const bool inner, Visit(*subquery.expr, false));
  (void)inner;  // Marked on the inner expression, which is evaluated over its own steps.
  nodes_[&subquery] = node;
  return node.shift.at_ms.has_value();
}

Result<bool> Planner::VisitCall(const Call& call, bool find_resets) {
  const std::string_view name = call.function->name;
  bool resets = find_resets || IsHistogramTotal(name);
  if (NeedsBuckets(name)) resets = false;
  bool fixed = !IsTimeDependent(name);
  for (const ExprPtr& arg : call.args) {
    OPS_TRY(const bool arg_fixed, Visit(*arg, resets));
    fixed = fixed && arg_fixed;
  }
  return fixed;
}

Result<bool> Planner::VisitBoth(const Expr& left, const Expr* right, bool find_resets) {
  OPS_TRY(bool fixed, Visit(left, find_resets));
  if (right != nullptr) {
    OPS_TRY(const bool right_fixed, Visit(*right, find_resets));
    fixed = fixed && right_fixed;
  }
  return fixed;
}

Result<bool> Planner::Visit(const Expr& expr, bool find_resets) {
  Result<bool> fixed = true;
  switch (expr.kind()) {
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      return true;
    case ExprKind::kSelector:
      fixed = VisitSelector(*As<VectorSelector>(expr), find_resets);
      break;
    case ExprKind::kRange:
      fixed = VisitRange(*As<MatrixSelector>(expr), find_resets);
      break;
    case ExprKind::kSubquery:
      fixed = VisitSubquery(*As<SubqueryExpr>(expr));
      break;
    case ExprKind::kUnary:
      fixed = Visit(*As<UnaryExpr>(expr)->expr, find_resets);
      break;
    case ExprKind::kParen:
      fixed = Visit(*As<ParenExpr>(expr)->expr, find_resets);
      break;
    case ExprKind::kBinary: {
      const auto& binary = *As<BinaryExpr>(expr);
      fixed = VisitBoth(*binary.left, binary.right.get(), find_resets);
      break;
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = *As<AggregateExpr>(expr);
      fixed = VisitBoth(*aggregate.expr, aggregate.param.get(), find_resets);
      if (const VectorSelector* selector = OnlyCounted(aggregate)) {
        nodes_[selector].unlabelled = true;
      }
      break;
    }
    case ExprKind::kCall:
      fixed = VisitCall(*As<Call>(expr), find_resets);
      break;
  }
  if (fixed.has_value()) nodes_[&expr].invariant = *fixed;
  return fixed;
}

}  // namespace

Result<Plan> Plan::Make(const Expr& expr, const PlanTimes& times) {
  Plan plan;
  Planner planner(times, plan.nodes_);
  OPS_TRY(const bool fixed, planner.Visit(expr, false));
  (void)fixed;
  return plan;
}

const NodePlan& Plan::Of(const Expr& expr) const {
  static const NodePlan kNothing;
  const auto it = nodes_.find(&expr);
  return it != nodes_.end() ? it->second : kNothing;
}

}  // namespace opssight::promql
