#include "aggregator/promql/engine/binary.h"

#include <utility>
#include <vector>

#include "aggregator/promql/engine/elements.h"
#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/set_operators.h"
#include "aggregator/promql/engine/vector_join.h"

namespace opssight::promql {

namespace {

Result<Arg> ScalarScalar(Query& query, const BinaryExpr& binary, const Steps& steps) {
  Arg value;
  value.type = ValueType::kScalar;
  OPS_TRY(value.scalars, EvaluateScalar(query, *binary.left, steps));
  OPS_TRY(const std::vector<double> right, EvaluateScalar(query, *binary.right, steps));
  for (std::size_t step = 0; step < steps.count; ++step) {
    value.scalars[step] = FloatBinary(binary.op, value.scalars[step], right[step]);
  }
  return value;
}

// A vector with a scalar, on either side.
struct VectorScalar {
  const BinaryExpr& binary;
  bool scalar_left = false;
  std::vector<double> scalars;
  Annotations& annotations;
};

// What becomes of the vector's value; false: nothing.
bool Combine(const VectorScalar& with, std::size_t step, Value& value) {
  const Op op = with.binary.op;
  const Value scalar = {.value = with.scalars[step], .histogram = nullptr};
  Element result;
  const bool fits =
      with.scalar_left
          ? ElementBinary(op, scalar, value, with.binary.pos, with.annotations, result)
          : ElementBinary(op, value, scalar, with.binary.pos, with.annotations, result);
  if (!fits) return false;
  if (with.binary.return_bool) {
    value = {.value = result.keep ? 1.0 : 0.0, .histogram = nullptr};
    return true;
  }
  // A filter keeps the vector's value, wherever it stands.
  if (!IsComparison(op)) value = std::move(result.value);
  return result.keep;
}

// Whole columns of floats, without looking at each value's kind.
void CombineFloats(const VectorScalar& with, Column& column) {
  const Op op = with.binary.op;
  const bool filter = IsComparison(op) && !with.binary.return_bool;
  for (std::size_t step = 0; step < column.values.size(); ++step) {
    double& value = column.values[step];
    if (IsAbsent(value)) continue;
    const double left = with.scalar_left ? with.scalars[step] : value;
    const double right = with.scalar_left ? value : with.scalars[step];
    if (!filter) {
      value = FloatBinary(op, left, right);
    } else if (!FloatKeeps(op, left, right)) {
      value = Absent();
    }
  }
}

void CombineColumn(const VectorScalar& with, Column& column) {
  const Op op = with.binary.op;
  if (column.histograms.empty() && op != Op::kTrimUpper && op != Op::kTrimLower) {
    CombineFloats(with, column);
    return;
  }
  for (std::size_t step = 0; step < column.values.size(); ++step) {
    if (!column.Has(step)) continue;
    Value value = ValueAt(column, step);
    if (!Combine(with, step, value)) value = Value();
    PutValue(std::move(value), step, column);
  }
}

Result<Arg> VectorWithScalar(Query& query, const BinaryExpr& binary, const Steps& steps) {
  const bool scalar_left = binary.left->type() == ValueType::kScalar;
  VectorScalar with = {.binary = binary,
                       .scalar_left = scalar_left,
                       .scalars = {},
                       .annotations = query.annotations};
  OPS_TRY(with.scalars, EvaluateScalar(query, scalar_left ? *binary.left : *binary.right, steps));
  Arg value;
  OPS_TRY(value.columns, EvaluateVector(query, scalar_left ? *binary.right : *binary.left, steps));
  const bool unnamed = IsArithmetic(binary.op) || binary.return_bool;
  for (Column& column : value.columns) {
    CombineColumn(with, column);
    if (unnamed) DropName(column, query.functions);
  }
  DropEmpty(value.columns);
  if (!unnamed || query.functions.delayed_name_removal) return value;
  OPS_TRY(value.columns, MergeSameLabels(std::move(value.columns)));
  return value;
}

Result<Arg> VectorVector(Query& query, const BinaryExpr& binary, const Steps& steps) {
  OPS_TRY(Columns left, EvaluateVector(query, *binary.left, steps));
  OPS_TRY(Columns right, EvaluateVector(query, *binary.right, steps));
  Arg value;
  if (IsSet(binary.op)) {
    OPS_TRY(value.columns, CombineSets(binary, std::move(left), std::move(right), steps));
  } else {
    OPS_TRY(value.columns, JoinVectors(query, binary, std::move(left), std::move(right), steps));
  }
  return value;
}

}  // namespace

Result<Arg> EvaluateBinary(Query& query, const BinaryExpr& binary, const Steps& steps) {
  const bool scalar_left = binary.left->type() == ValueType::kScalar;
  const bool scalar_right = binary.right->type() == ValueType::kScalar;
  if (scalar_left && scalar_right) return ScalarScalar(query, binary, steps);
  if (scalar_left || scalar_right) return VectorWithScalar(query, binary, steps);
  return VectorVector(query, binary, steps);
}

}  // namespace opssight::promql
