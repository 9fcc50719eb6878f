// The contract between the engine and PromQL's functions. Three kinds:
//  - range functions: one range of one series to one value, called a step and series;
//  - vector functions: columns in, columns out, called once for all steps;
//  - what needs the engine itself (timestamp of a bare selector, info, absent_over_time's
//    labels, subqueries, @, aggregations) is in engine/.
// A function is a line in a table (range_functions.cc, vector_functions.cc) and a body in a
// file of its family. Pure: time comes in as steps.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/promql/syntax/ast.h"
#include "aggregator/promql/value/annotations.h"
#include "aggregator/promql/value/value.h"
#include "aggregator/query/source.h"
#include "common/base/kahan.h"
#include "common/base/result.h"

namespace opssight::promql {

struct FunctionOptions {
  bool delayed_name_removal = false;
  bool use_start_timestamps = false;
  bool type_and_unit_labels = false;
  std::int64_t lookback_ms = 0;
};

// What one series has in (start, end]: stale markers left out. Of a subquery: its points.
struct Window {
  std::span<const Sample> floats;
  std::span<const HistogramSample> histograms;
  std::span<const std::int64_t> float_starts;  // Empty: none known.
  std::span<const std::int64_t> histogram_starts;
  std::int64_t start_ms = 0;  // Exclusive; the range's border.
  std::int64_t end_ms = 0;    // Inclusive.
  std::int64_t eval_ms = 0;   // The step; end_ms is that less the offset (or @).
  // Anchored and smoothed: floats reach further, to the samples within the lookback before
  // start and (smoothed) after end.
  Extend extend = Extend::kNone;
};

// One value or histogram, or nothing.
struct Value {
  double value = Absent();
  HistogramPtr histogram;
};

struct RangeArgs {
  const Window& window;
  std::span<const double> scalars;    // Scalar arguments at this step, in the order written.
  const Labels& labels;               // Of the series, name and all.
  PosRange range_pos;                 // Of the range argument.
  std::span<const PosRange> arg_pos;  // Of all arguments.
  std::string_view function;          // Its name: some annotations say it.
  const FunctionOptions& options;
  Annotations& annotations;
};
// An error ends the query ("invalid smoothing factor. …").
using RangeFunction = Result<Value> (*)(const RangeArgs& args);
struct RangeFunctionInfo {
  std::string_view name;
  RangeFunction run;
  bool keeps_name = false;  // last_over_time, first_over_time.
};
// Null: not a range function (unknown, or a vector function, or the engine's).
const RangeFunctionInfo* FindRangeFunction(std::string_view name);

// An evaluated argument of a vector function.
struct Arg {
  ValueType type = ValueType::kVector;
  Columns columns;              // kVector.
  std::vector<double> scalars;  // kScalar: one a step.
  std::string text;             // kString.
};

struct VectorArgs {
  const Call& call;
  std::vector<Arg> args;  // As written; owned: may be moved from.
  const Steps& steps;
  bool instant = false;  // An instant query's top: sort counts.
  // Of query_range: start, end, step; range(), start(), end(), step().
  std::int64_t query_start_ms = 0;
  std::int64_t query_end_ms = 0;
  std::int64_t query_step_ms = 0;
  const FunctionOptions& options;
  Annotations& annotations;
  // The query's say on what a function makes beside its arguments, in samples. May be empty.
  std::function<Status(std::uint64_t samples)> grow = {};

  // Before each thing made. An error: it is too much, or the query is no longer wanted.
  Status Grow(std::uint64_t samples) const { return grow ? grow(samples) : Status(); }
};
// A scalar result (time(), scalar(), pi()) is one column without labels.
using VectorFunction = Result<Columns> (*)(VectorArgs& args);
struct VectorFunctionInfo {
  std::string_view name;
  VectorFunction run;
};
const VectorFunctionInfo* FindVectorFunction(std::string_view name);

// Shared by functions and engine.

// __name__, __type__ and __unit__.
bool IsMetadataLabel(std::string_view name);
Labels DropMetadataLabels(const Labels& labels);
// Takes the name (and __type__, __unit__) off, at once or (delayed) by the mark.
void DropName(Column& column, const FunctionOptions& options);
// Columns of one label set joined; two that have a value at one step: "vector cannot contain
// metrics with the same labelset".
Result<Columns> MergeSameLabels(Columns columns);
// Go's 'f' form with the fewest digits, "NaN", "+Inf": as label values show numbers.
std::string FormatFloat(double x);

// Kahan-Neumaier sum, Prometheus' kahansum.Inc. Not to be compiled with fast-math.
struct KahanSum {
  double sum = 0;
  double c = 0;
  void Add(double x) { KahanAdd(x, sum, c); }
  double Result() const { return sum + c; }
};

}  // namespace opssight::promql
