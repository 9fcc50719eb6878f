// The labels that absent() and absent_over_time() give what is not there.
#pragma once

#include "aggregator/promql/syntax/ast.h"
#include "common/model/labels.h"

namespace opssight::promql {

// Of a selector (in a range or not) its equality matchers, each name that has only one;
// without the metric's name. Of any other expression none.
Labels AbsentLabels(const Expr& arg);

}  // namespace opssight::promql
