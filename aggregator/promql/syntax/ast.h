// The tree of a PromQL expression, as the parser leaves it: typed, checked, with the
// position of every node in the text. A visitor is a switch over kind() and As<T>().
//
//   if (const auto* call = As<Call>(expr)) … call->args …
//
// Times are milliseconds. Trees are immutable after parsing, owned from the root.
// Language: https://prometheus.io/docs/prometheus/latest/querying/basics/
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"

namespace opssight::promql {

enum class ValueType : std::uint8_t { kNone, kScalar, kVector, kMatrix, kString };
// "scalar", "instant vector", "range vector", "string", as error texts say.
std::string_view ToText(ValueType type);
// "vector" and "matrix" for the two, as in results and JSON.
std::string_view ShortText(ValueType type);

// Bytes [begin, end) of the query.
struct PosRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

enum class ExprKind : std::uint8_t {
  kNumber,
  kString,
  kSelector,  // VectorSelector
  kRange,     // MatrixSelector
  kSubquery,
  kUnary,
  kParen,
  kBinary,
  kAggregate,
  kCall,
  kDuration,  // DurationExpr; only inside [] and offset.
};

struct Expr {
  virtual ~Expr() = default;
  virtual ExprKind kind() const = 0;
  virtual ValueType type() const = 0;
  PosRange pos;
  std::uint32_t height = 1;  // Nodes on the longest way down; the parser limits it.
};
using ExprPtr = std::unique_ptr<Expr>;

template <class T>
const T* As(const Expr& expr) {
  return expr.kind() == T::kKind ? static_cast<const T*>(&expr) : nullptr;
}
template <class T>
T* As(Expr& expr) {
  return expr.kind() == T::kKind ? static_cast<T*>(&expr) : nullptr;
}

template <ExprKind K>
struct ExprOf : Expr {
  static constexpr ExprKind kKind = K;
  ExprKind kind() const final { return K; }
};

struct NumberLiteral final : ExprOf<ExprKind::kNumber> {
  ValueType type() const override { return ValueType::kScalar; }
  double value = 0;
  bool duration = false;  // Written as 5m; printed so.
};

struct StringLiteral final : ExprOf<ExprKind::kString> {
  ValueType type() const override { return ValueType::kString; }
  std::string value;
};

// Arithmetic inside [], a subquery's step and offset (…): + - * / % ^, unary, parentheses,
// step(), range(), min_of(a, b), max_of(a, b), and numbers (seconds).
enum class DurationOp : std::uint8_t {
  kNumber,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kMinus,
  kPlus,
  kStep,
  kRange,
  kMinOf,
  kMaxOf
};
struct DurationExpr final : ExprOf<ExprKind::kDuration> {
  ValueType type() const override { return ValueType::kScalar; }
  DurationOp op = DurationOp::kNumber;
  double seconds = 0;                  // kNumber.
  bool duration = false;               // kNumber: written as 5m; printed so.
  std::unique_ptr<DurationExpr> left;  // Null for unary operators and leaves.
  std::unique_ptr<DurationExpr> right;
  bool wrapped = false;  // In parentheses; for the printer.
};

// A duration that is known from the text, or an expression to be computed per query.
struct Duration {
  std::int64_t ms = 0;
  std::unique_ptr<DurationExpr> expr;  // Null: ms counts.
};

enum class AtKind : std::uint8_t { kNone, kTime, kStart, kEnd };
struct At {
  AtKind kind = AtKind::kNone;
  std::int64_t ms = 0;  // kTime.
};

// Extended range selectors (experimental).
enum class Extend : std::uint8_t { kNone, kAnchored, kSmoothed };

struct VectorSelector final : ExprOf<ExprKind::kSelector> {
  ValueType type() const override { return ValueType::kVector; }
  std::string name;               // As written before {}; "" where it was not.
  std::vector<Matcher> matchers;  // All, the one for the name included.
  Duration offset;                // Of what was written: positive looks back.
  At at;
  Extend extend = Extend::kNone;
  bool bypass_empty_check = false;  // Of info()'s second argument.
};

struct MatrixSelector final : ExprOf<ExprKind::kRange> {
  ValueType type() const override { return ValueType::kMatrix; }
  std::unique_ptr<VectorSelector> selector;  // Its offset, at and extend are the range's.
  Duration range;
};

struct SubqueryExpr final : ExprOf<ExprKind::kSubquery> {
  ValueType type() const override { return ValueType::kMatrix; }
  ExprPtr expr;
  Duration range;
  std::optional<Duration> step;  // Nothing: the engine's default.
  Duration offset;
  At at;
};

enum class Op : std::uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEql,
  kNeq,
  kLte,
  kLss,
  kGte,
  kGtr,
  kTrimUpper,  // </
  kTrimLower,  // >/
  kAnd,
  kOr,
  kUnless,
};
std::string_view ToText(Op op);  // "+", "atan2", "</", "and", …
bool IsComparison(Op op);
bool IsSet(Op op);

struct UnaryExpr final : ExprOf<ExprKind::kUnary> {
  ValueType type() const override { return expr->type(); }
  bool minus = true;
  ExprPtr expr;
};

struct ParenExpr final : ExprOf<ExprKind::kParen> {
  ValueType type() const override { return expr->type(); }
  ExprPtr expr;
};

enum class Card : std::uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct VectorMatching {
  Card card = Card::kOneToOne;
  bool on = false;  // labels are on(…); otherwise ignoring(…).
  std::vector<std::string> labels;
  std::vector<std::string> include;  // group_left(…), group_right(…).
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

struct BinaryExpr final : ExprOf<ExprKind::kBinary> {
  ValueType type() const override {
    return left->type() == ValueType::kScalar && right->type() == ValueType::kScalar
               ? ValueType::kScalar
               : ValueType::kVector;
  }
  Op op = Op::kAdd;
  ExprPtr left;
  ExprPtr right;
  bool return_bool = false;
  VectorMatching matching;  // Counts where both sides are vectors.
  PosRange op_pos;
};

enum class AggregateOp : std::uint8_t {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,
};
std::string_view ToText(AggregateOp op);
bool HasParameter(AggregateOp op);  // topk(5, x) and so on.

struct AggregateExpr final : ExprOf<ExprKind::kAggregate> {
  ValueType type() const override { return ValueType::kVector; }
  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // Null where the operator has none.
  std::vector<std::string> grouping;
  bool without = false;
};

// The expression within parentheses.
const Expr& Unparenthesized(const Expr& expr);

// What the parser needs to know of a function. The table is in functions.cc.
struct FunctionInfo {
  std::string_view name;
  std::vector<ValueType> args;
  // 0: as many arguments as args. Else at least one fewer, and at most n more than that
  // (-1: any number); those beyond args are of the last one's type.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;
};
// Null: no such function. Lives for ever.
const FunctionInfo* FindFunction(std::string_view name);
const std::vector<FunctionInfo>& AllFunctions();  // By name.

struct Call final : ExprOf<ExprKind::kCall> {
  ValueType type() const override { return function->returns; }
  const FunctionInfo* function = nullptr;
  std::vector<ExprPtr> args;
};

}  // namespace opssight::promql
