// The functions that stand in the tables, by family. range_functions.cc and
// vector_functions.cc name them.
#pragma once

#include "aggregator/promql/functions/function.h"

namespace opssight::promql {

// rate.cc, extended.cc
Result<Value> Rate(const RangeArgs& args);
Result<Value> Increase(const RangeArgs& args);
Result<Value> Delta(const RangeArgs& args);
enum class Growth : std::uint8_t { kRate, kIncrease, kDelta };
Result<Value> ExtendedGrowth(const RangeArgs& args, Growth growth);
// Last less first, drawn together over resets; null where they do not go together (noted).
// starts: empty where they do not count.
HistogramPtr HistogramGrowth(const RangeArgs& args, std::span<const HistogramSample> samples,
                             std::span<const std::int64_t> starts, bool counter);

// instant_rate.cc
Result<Value> Irate(const RangeArgs& args);
Result<Value> Idelta(const RangeArgs& args);

// changes.cc
Result<Value> Resets(const RangeArgs& args);
Result<Value> Changes(const RangeArgs& args);

// trend.cc
Result<Value> Deriv(const RangeArgs& args);
Result<Value> PredictLinear(const RangeArgs& args);
Result<Value> DoubleExponentialSmoothing(const RangeArgs& args);

// over_time.cc
Result<Value> SumOverTime(const RangeArgs& args);
Result<Value> AvgOverTime(const RangeArgs& args);
Result<Value> MinOverTime(const RangeArgs& args);
Result<Value> MaxOverTime(const RangeArgs& args);
Result<Value> CountOverTime(const RangeArgs& args);
Result<Value> PresentOverTime(const RangeArgs& args);
Result<Value> FirstOverTime(const RangeArgs& args);
Result<Value> LastOverTime(const RangeArgs& args);
Result<Value> StddevOverTime(const RangeArgs& args);
Result<Value> StdvarOverTime(const RangeArgs& args);
Result<Value> QuantileOverTime(const RangeArgs& args);
Result<Value> MadOverTime(const RangeArgs& args);
Result<Value> TsOfMinOverTime(const RangeArgs& args);
Result<Value> TsOfMaxOverTime(const RangeArgs& args);
Result<Value> TsOfFirstOverTime(const RangeArgs& args);
Result<Value> TsOfLastOverTime(const RangeArgs& args);

// histograms_over_time.cc: all of a range's, none of them floats.
Result<Value> SumHistograms(const RangeArgs& args);
Result<Value> AvgHistograms(const RangeArgs& args);

// labels.cc
Result<Columns> LabelReplace(VectorArgs& args);
Result<Columns> LabelJoin(VectorArgs& args);

// sort.cc
Result<Columns> Sort(VectorArgs& args);
Result<Columns> SortDesc(VectorArgs& args);
Result<Columns> SortByLabel(VectorArgs& args);
Result<Columns> SortByLabelDesc(VectorArgs& args);

// presence.cc
Result<Columns> AbsentVector(VectorArgs& args);
Result<Columns> ScalarOf(VectorArgs& args);
Result<Columns> VectorOf(VectorArgs& args);
Result<Columns> Timestamp(VectorArgs& args);
Result<Columns> Pi(VectorArgs& args);
Result<Columns> Time(VectorArgs& args);
Result<Columns> QueryStart(VectorArgs& args);
Result<Columns> QueryEnd(VectorArgs& args);
Result<Columns> QueryStep(VectorArgs& args);
Result<Columns> QueryRange(VectorArgs& args);
Result<Columns> MinOf(VectorArgs& args);
Result<Columns> MaxOf(VectorArgs& args);

// round.cc
Result<Columns> Round(VectorArgs& args);
Result<Columns> Clamp(VectorArgs& args);
Result<Columns> ClampMin(VectorArgs& args);
Result<Columns> ClampMax(VectorArgs& args);

// date.cc
Result<Columns> Minute(VectorArgs& args);
Result<Columns> Hour(VectorArgs& args);
Result<Columns> DayOfMonth(VectorArgs& args);
Result<Columns> DayOfWeek(VectorArgs& args);
Result<Columns> DayOfYear(VectorArgs& args);
Result<Columns> DaysInMonth(VectorArgs& args);
Result<Columns> Month(VectorArgs& args);
Result<Columns> Year(VectorArgs& args);

// histogram_values.cc, histogram_quantile.cc
Result<Columns> HistogramCount(VectorArgs& args);
Result<Columns> HistogramSum(VectorArgs& args);
Result<Columns> HistogramAvg(VectorArgs& args);
Result<Columns> HistogramStddev(VectorArgs& args);
Result<Columns> HistogramStdvar(VectorArgs& args);
Result<Columns> HistogramQuantile(VectorArgs& args);
Result<Columns> HistogramQuantiles(VectorArgs& args);
Result<Columns> HistogramFraction(VectorArgs& args);

// Names taken off; series that become one joined; what has no value left out.
Result<Columns> Nameless(Columns columns, const FunctionOptions& options);

}  // namespace opssight::promql
