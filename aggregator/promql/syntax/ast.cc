#include "aggregator/promql/syntax/ast.h"

namespace opssight::promql {

std::string_view ToText(ValueType type) {
  switch (type) {
    case ValueType::kNone:
      return "none";
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    case ValueType::kString:
      return "string";
  }
  return "";
}

std::string_view ShortText(ValueType type) {
  if (type == ValueType::kVector) return "vector";
  if (type == ValueType::kMatrix) return "matrix";
  return ToText(type);
}

std::string_view ToText(Op op) {
  switch (op) {
    case Op::kAdd:
      return "+";
    case Op::kSub:
      return "-";
    case Op::kMul:
      return "*";
    case Op::kDiv:
      return "/";
    case Op::kMod:
      return "%";
    case Op::kPow:
      return "^";
    case Op::kAtan2:
      return "atan2";
    case Op::kEql:
      return "==";
    case Op::kNeq:
      return "!=";
    case Op::kLte:
      return "<=";
    case Op::kLss:
      return "<";
    case Op::kGte:
      return ">=";
    case Op::kGtr:
      return ">";
    case Op::kTrimUpper:
      return "</";
    case Op::kTrimLower:
      return ">/";
    case Op::kAnd:
      return "and";
    case Op::kOr:
      return "or";
    case Op::kUnless:
      return "unless";
  }
  return "";
}

bool IsComparison(Op op) {
  return op >= Op::kEql && op <= Op::kGtr;
}

bool IsSet(Op op) {
  return op == Op::kAnd || op == Op::kOr || op == Op::kUnless;
}

std::string_view ToText(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum:
      return "sum";
    case AggregateOp::kAvg:
      return "avg";
    case AggregateOp::kCount:
      return "count";
    case AggregateOp::kMin:
      return "min";
    case AggregateOp::kMax:
      return "max";
    case AggregateOp::kGroup:
      return "group";
    case AggregateOp::kStddev:
      return "stddev";
    case AggregateOp::kStdvar:
      return "stdvar";
    case AggregateOp::kTopk:
      return "topk";
    case AggregateOp::kBottomk:
      return "bottomk";
    case AggregateOp::kQuantile:
      return "quantile";
    case AggregateOp::kCountValues:
      return "count_values";
    case AggregateOp::kLimitk:
      return "limitk";
    case AggregateOp::kLimitRatio:
      return "limit_ratio";
  }
  return "";
}

bool HasParameter(AggregateOp op) {
  return op >= AggregateOp::kTopk;
}

const Expr& Unparenthesized(const Expr& expr) {
  const Expr* inner = &expr;
  while (const auto* paren = As<ParenExpr>(*inner)) inner = paren->expr.get();
  return *inner;
}

}  // namespace opssight::promql
