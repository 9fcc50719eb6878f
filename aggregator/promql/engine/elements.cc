#include "aggregator/promql/engine/elements.h"

#include <cmath>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

std::string_view TypeName(const Value& value) {
  return value.histogram ? "histogram" : "float";
}

bool Refuse(Op op, const Value& left, const Value& right, PosRange pos, Annotations& annotations) {
  annotations.Info(
      fmt::format("incompatible sample types encountered for binary operator \"{0}\": {1} {0} {2}",
                  ToText(op), TypeName(left), TypeName(right)),
      pos);
  return false;
}

// Sum or difference of two histograms; null: their buckets do not go together.
HistogramPtr Combined(Op op, const Value& left, const Value& right, PosRange pos,
                      Annotations& annotations) {
  auto sum = std::make_shared<Histogram>(*left.histogram);
  const bool minus = op == Op::kSub;
  const std::string_view operation = minus ? "subtraction" : "addition";
  const MergeNotes notes = Merge(*sum, *right.histogram, minus ? -1 : 1, nullptr);
  if (notes.incompatible) {
    annotations.Warn(
        fmt::format("incompatible bucket layout encountered for binary operator {}", ToText(op)),
        pos);
    return nullptr;
  }
  if (notes.hints_collide) {
    annotations.Warn(fmt::format("conflicting counter resets during histogram {}", operation), pos);
  }
  if (notes.bounds_reconciled) {
    annotations.Info(fmt::format("mismatched custom buckets were reconciled during {}", operation),
                     pos);
  }
  if (minus) sum->hint = ResetHint::kGauge;
  Compact(*sum);
  return sum;
}

HistogramPtr Scaled(Op op, const Histogram& histogram, double by) {
  auto scaled = std::make_shared<Histogram>(histogram);
  if (op == Op::kMul) {
    Scale(*scaled, by);
  } else {
    Divide(*scaled, by);
  }
  Compact(*scaled);
  return scaled;
}

// Both sides are histograms.
bool BothHistograms(Op op, const Value& left, const Value& right, PosRange pos,
                    Annotations& annotations, Element& result) {
  switch (op) {
    case Op::kAdd:
    case Op::kSub:
      result.value.histogram = Combined(op, left, right, pos, annotations);
      return result.value.histogram != nullptr;
    case Op::kEql:
    case Op::kNeq:
      result.value.histogram = left.histogram;
      result.keep = Equals(*left.histogram, *right.histogram) == (op == Op::kEql);
      return true;
    default:
      return Refuse(op, left, right, pos, annotations);
  }
}

}  // namespace

double FloatBinary(Op op, double left, double right) {
  switch (op) {
    case Op::kAdd:
      return left + right;
    case Op::kSub:
      return left - right;
    case Op::kMul:
      return left * right;
    case Op::kDiv:
      return left / right;
    case Op::kMod:
      return std::fmod(left, right);
    case Op::kPow:
      return std::pow(left, right);
    case Op::kAtan2:
      return std::atan2(left, right);
    default:
      return FloatKeeps(op, left, right) ? 1 : 0;
  }
}

bool FloatKeeps(Op op, double left, double right) {
  switch (op) {
    case Op::kEql:
      return left == right;
    case Op::kNeq:
      return left != right;
    case Op::kGtr:
      return left > right;
    case Op::kLss:
      return left < right;
    case Op::kGte:
      return left >= right;
    case Op::kLte:
      return left <= right;
    default:
      return true;
  }
}

bool IsArithmetic(Op op) {
  return op == Op::kAdd || op == Op::kSub || op == Op::kMul || op == Op::kDiv || op == Op::kMod ||
         op == Op::kPow || op == Op::kAtan2;
}

bool ElementBinary(Op op, const Value& left, const Value& right, PosRange pos,
                   Annotations& annotations, Element& result) {
  const bool trim = op == Op::kTrimUpper || op == Op::kTrimLower;
  if (!left.histogram && !right.histogram) {
    if (trim) return Refuse(op, left, right, pos, annotations);
    result.keep = FloatKeeps(op, left.value, right.value);
    result.value.value = IsComparison(op) ? left.value : FloatBinary(op, left.value, right.value);
    return true;
  }
  if (left.histogram && right.histogram) {
    return BothHistograms(op, left, right, pos, annotations, result);
  }
  if (op == Op::kMul || (op == Op::kDiv && left.histogram)) {
    const Value& histogram = left.histogram ? left : right;
    result.value.histogram =
        Scaled(op, *histogram.histogram, left.histogram ? right.value : left.value);
    return true;
  }
  if (trim && left.histogram) {
    result.value.histogram =
        std::make_shared<const Histogram>(Trim(*left.histogram, right.value, op == Op::kTrimUpper));
    return true;
  }
  return Refuse(op, left, right, pos, annotations);
}

}  // namespace opssight::promql
