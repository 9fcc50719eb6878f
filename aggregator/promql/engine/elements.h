// Binary operators on single values: floats, histograms, and one of each.
#pragma once

#include "aggregator/promql/functions/function.h"
#include "aggregator/promql/syntax/ast.h"
#include "aggregator/promql/value/annotations.h"

namespace opssight::promql {

// Of comparisons 1 or 0; of trims nothing sensible.
double FloatBinary(Op op, double left, double right);
// Whether a comparison holds; of other operators true.
bool FloatKeeps(Op op, double left, double right);
// + - * / % ^ atan2: the result is another quantity, so the metric's name goes.
bool IsArithmetic(Op op);

struct Element {
  Value value;       // Of a filter: the left value.
  bool keep = true;  // A comparison that does not hold: false.
};
// False: the operator does not take these types, which is said in the annotations.
bool ElementBinary(Op op, const Value& left, const Value& right, PosRange pos,
                   Annotations& annotations, Element& result);

}  // namespace opssight::promql
