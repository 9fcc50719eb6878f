// Floats of native histograms: count, sum, average, deviation.
#include <cmath>
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

template <class Of>
Result<Columns> MapHistograms(VectorArgs& args, Of&& of) {
  Columns columns = std::move(args.args[0].columns);
  for (Column& column : columns) {
    for (std::size_t step = 0; step < column.values.size(); ++step) {
      column.values[step] = column.HasHistogram(step) ? of(*column.histograms[step]) : Absent();
    }
    column.histograms.clear();
  }
  return Nameless(std::move(columns), args.options);
}

}  // namespace

Result<Columns> HistogramCount(VectorArgs& args) {
  return MapHistograms(args, [](const Histogram& histogram) { return histogram.count; });
}
Result<Columns> HistogramSum(VectorArgs& args) {
  return MapHistograms(args, [](const Histogram& histogram) { return histogram.sum; });
}
Result<Columns> HistogramAvg(VectorArgs& args) {
  return MapHistograms(args,
                       [](const Histogram& histogram) { return histogram.sum / histogram.count; });
}
Result<Columns> HistogramStddev(VectorArgs& args) {
  return MapHistograms(args,
                       [](const Histogram& histogram) { return std::sqrt(Variance(histogram)); });
}
Result<Columns> HistogramStdvar(VectorArgs& args) {
  return MapHistograms(args, [](const Histogram& histogram) { return Variance(histogram); });
}

}  // namespace opssight::promql
