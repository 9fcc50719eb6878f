// Between vectors and scalars; time and the query's own times.
#include <limits>
#include <numbers>
#include <utility>

#include "aggregator/promql/functions/absent_labels.h"
#include "aggregator/promql/functions/map_floats.h"
#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

namespace {

template <class Of>
Columns EachStep(const VectorArgs& args, Of&& of) {
  Column column;
  column.values.reserve(args.steps.count);
  for (std::size_t step = 0; step < args.steps.count; ++step) column.values.push_back(of(step));
  Columns columns;
  columns.push_back(std::move(column));
  return columns;
}

}  // namespace

Result<Columns> AbsentVector(VectorArgs& args) {
  Column column = {.labels = AbsentLabels(Unparenthesized(*args.call.args[0])),
                   .values = std::vector<double>(args.steps.count, 1.0),
                   .histograms = {}};
  for (const Column& present : args.args[0].columns) {
    for (std::size_t step = 0; step < args.steps.count; ++step) {
      if (present.Has(step)) column.values[step] = Absent();
    }
  }
  Columns columns;
  for (const double value : column.values) {
    if (IsAbsent(value)) continue;
    columns.push_back(std::move(column));
    break;
  }
  return columns;
}

Result<Columns> ScalarOf(VectorArgs& args) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  std::vector<bool> found(args.steps.count, false);
  Columns result = EachStep(args, [](std::size_t) { return kNan; });
  std::vector<double>& values = result[0].values;
  for (const Column& column : args.args[0].columns) {
    for (std::size_t step = 0; step < args.steps.count; ++step) {
      if (!column.HasFloat(step)) continue;
      values[step] = found[step] ? kNan : column.values[step];
      found[step] = true;
    }
  }
  return result;
}

Result<Columns> VectorOf(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t step) { return args.args[0].scalars[step]; });
}

// Of what is computed the time is that of the step.
Result<Columns> Timestamp(VectorArgs& args) {
  Columns columns = std::move(args.args[0].columns);
  for (Column& column : columns) {
    for (std::size_t step = 0; step < args.steps.count; ++step) {
      if (column.Has(step)) column.values[step] = Seconds(args.steps.At(step));
    }
    column.histograms.clear();
  }
  return Nameless(std::move(columns), args.options);
}

Result<Columns> Pi(VectorArgs& args) {
  return EachStep(args, [](std::size_t) { return std::numbers::pi; });
}
Result<Columns> Time(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t step) { return Seconds(args.steps.At(step)); });
}
Result<Columns> QueryStart(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t) { return Seconds(args.query_start_ms); });
}
Result<Columns> QueryEnd(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t) { return Seconds(args.query_end_ms); });
}
Result<Columns> QueryStep(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t) { return Seconds(args.query_step_ms); });
}
Result<Columns> QueryRange(VectorArgs& args) {
  return EachStep(args, [&args](std::size_t) {
    return SecondsBetween(args.query_start_ms, args.query_end_ms);
  });
}

}  // namespace opssight::promql
