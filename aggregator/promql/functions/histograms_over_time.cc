// sum_over_time and avg_over_time of native histograms.
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/histogram_mean.h"
#include "aggregator/promql/functions/notes.h"

namespace opssight::promql {

namespace {

// Total: RunningHistogramSum or RunningHistogramMean. Nothing where buckets do not go together.
template <class Total>
Result<Value> Fold(const RangeArgs& args) {
  const std::span<const HistogramSample> samples = args.window.histograms;
  const auto histogram_of = [](const HistogramSample& sample) -> const Histogram& {
    return *sample.histogram;
  };
  if (HintsCollide(samples, histogram_of)) {
    args.annotations.Warn("conflicting counter resets during histogram aggregation",
                          args.range_pos);
  }
  Total total(*samples.front().histogram);
  for (const HistogramSample& sample : samples.subspan(1)) {
    const MergeNotes notes = total.Add(*sample.histogram);
    if (notes.bounds_reconciled) NoteReconciled(args, "aggregation");
    if (notes.incompatible) {
      WarnMixedSchemas(args);
      return Value();
    }
  }
  return Value{.value = Absent(), .histogram = std::move(total).Result()};
}

}  // namespace

Result<Value> SumHistograms(const RangeArgs& args) {
  return Fold<RunningHistogramSum>(args);
}

Result<Value> AvgHistograms(const RangeArgs& args) {
  return Fold<RunningHistogramMean>(args);
}

}  // namespace opssight::promql
