#include "aggregator/promql/engine/duration_expr.h"

#include <cmath>

namespace opssight::promql {

namespace {

// Go's time.Duration, which Prometheus' durations are, holds 2^63 ns.
constexpr double kDurationMaxSeconds = 9223372036.0;

Result<double> Seconds(const DurationExpr& expr, const DurationTerms& terms);

Result<double> Binary(const DurationExpr& expr, double left, double right) {
  switch (expr.op) {
    case DurationOp::kAdd:
      return left + right;
    case DurationOp::kSub:
      return left - right;
    case DurationOp::kMul:
      return left * right;
    case DurationOp::kDiv:
      if (right == 0) return Invalid("division by zero");
      return left / right;
    case DurationOp::kMod:
      if (right == 0) return Invalid("modulo by zero");
      return std::fmod(left, right);
    case DurationOp::kPow:
      return std::pow(left, right);
    case DurationOp::kMinOf:
      return std::fmin(left, right);
    case DurationOp::kMaxOf:
      return std::fmax(left, right);
    default:
      return Internal("unexpected operator in a duration expression");
  }
}

Result<double> Seconds(const DurationExpr& expr, const DurationTerms& terms) {
  switch (expr.op) {
    case DurationOp::kNumber:
      return expr.seconds;
    case DurationOp::kStep:
      return static_cast<double>(terms.step_ms) / 1000;
    case DurationOp::kRange:
      return static_cast<double>(terms.range_ms) / 1000;
    default:
      break;
  }
  const DurationExpr* operand = expr.right ? expr.right.get() : expr.left.get();
  if (operand == nullptr) return Internal("a duration expression lacks its operand");
  OPS_TRY(const double right, Seconds(*operand, terms));
  if (expr.op == DurationOp::kMinus) return -right;
  if (expr.op == DurationOp::kPlus) return right;
  if (expr.left == nullptr) return Internal("a duration expression lacks its left side");
  OPS_TRY(const double left, Seconds(*expr.left, terms));
  return Binary(expr, left, right);
}

}  // namespace

Result<std::int64_t> ResolveDuration(const Duration& duration, const DurationTerms& terms,
                                     bool allow_negative) {
  std::int64_t ms = duration.ms;
  if (duration.expr) {
    OPS_TRY(const double seconds, Seconds(*duration.expr, terms));
    if (!allow_negative && !(seconds > 0)) return Invalid("duration must be greater than 0");
    if (!(std::fabs(seconds) <= kDurationMaxSeconds)) return Invalid("duration is out of range");
    ms = static_cast<std::int64_t>(seconds * 1000);
  }
  if (!allow_negative && ms <= 0) return Invalid("duration must be greater than 0");
  return ms;
}

}  // namespace opssight::promql
