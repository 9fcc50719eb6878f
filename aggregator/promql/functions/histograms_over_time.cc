// sum_over_time and avg_over_time of native histograms.
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "aggregator/promql/functions/families.h"
#include "aggregator/promql/functions/notes.h"

namespace opssight::promql {

namespace {

void NoteCollision(const RangeArgs& args) {
  const auto has = [&](ResetHint hint) {
    return std::any_of(
        args.window.histograms.begin(), args.window.histograms.end(),
        [hint](const HistogramSample& sample) { return sample.histogram->hint == hint; });
  };
  if (has(ResetHint::kReset) && has(ResetHint::kNotReset)) {
    args.annotations.Warn("conflicting counter resets during histogram aggregation",
                          args.range_pos);
  }
}

bool Overflows(const Histogram& histogram) {
  const auto infinite = [](double x) { return std::isinf(x); };
  return infinite(histogram.count) || infinite(histogram.sum) || infinite(histogram.zero_count) ||
         std::any_of(histogram.positive.begin(), histogram.positive.end(), infinite) ||
         std::any_of(histogram.negative.begin(), histogram.negative.end(), infinite);
}

// A sum with its Kahan terms.
struct RunningSum {
  Histogram sum;
  Histogram c;

  explicit RunningSum(const Histogram& first) : sum(first), c(first) { Scale(c, 0); }
  // False: buckets do not go together (noted).
  bool Add(const RangeArgs& args, const Histogram& histogram) {
    const MergeNotes notes = Merge(sum, histogram, 1, &c);
    if (notes.incompatible) WarnMixedSchemas(args);
    if (notes.bounds_reconciled) NoteReconciled(args, "aggregation");
    return !notes.incompatible;
  }
  void ScaleBy(double factor) {
    Scale(sum, factor);
    Scale(c, factor);
  }
  void DivideBy(double by) {
    Divide(sum, by);
    Divide(c, by);
  }
  Value Result() && {
    AddCompensation(sum, c);
    Compact(sum);
    return {.value = Absent(), .histogram = std::make_shared<const Histogram>(std::move(sum))};
  }
};

}  // namespace

Result<Value> SumHistograms(const RangeArgs& args) {
  const std::span<const HistogramSample> samples = args.window.histograms;
  NoteCollision(args);
  RunningSum sum(*samples.front().histogram);
  for (const HistogramSample& sample : samples.subspan(1)) {
    if (!sum.Add(args, *sample.histogram)) return Value();
  }
  return std::move(sum).Result();
}

Result<Value> AvgHistograms(const RangeArgs& args) {
  const std::span<const HistogramSample> samples = args.window.histograms;
  NoteCollision(args);
  RunningSum mean(*samples.front().histogram);
  bool carried = false;  // From where the sum would overflow, the mean so far is carried on.
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const auto count = static_cast<double>(i + 1);
    if (!carried) {
      RunningSum next = mean;
      if (!next.Add(args, *samples[i].histogram)) return Value();
      if (!Overflows(next.sum)) {
        mean = std::move(next);
        continue;
      }
      carried = true;
      mean.DivideBy(count - 1);
    }
    mean.ScaleBy((count - 1) / count);
    Histogram share = *samples[i].histogram;
    Divide(share, count);
    if (!mean.Add(args, share)) return Value();
  }
  if (!carried) mean.DivideBy(static_cast<double>(samples.size()));
  return std::move(mean).Result();
}

}  // namespace opssight::promql
