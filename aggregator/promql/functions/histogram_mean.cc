#include "aggregator/promql/functions/histogram_mean.h"

#include <cmath>
#include <memory>
#include <utility>

namespace opssight::promql {

RunningHistogramSum::RunningHistogramSum(const Histogram& first) : sum_(first), c_(first) {
  c_.count = 0;
  c_.sum = 0;
  c_.zero_count = 0;
  std::fill(c_.positive.begin(), c_.positive.end(), 0.0);
  std::fill(c_.negative.begin(), c_.negative.end(), 0.0);
}

bool RunningHistogramSum::Overflows() const {
  const auto infinite = [](double x) { return std::isinf(x); };
  return infinite(sum_.count) || infinite(sum_.sum) || infinite(sum_.zero_count) ||
         std::any_of(sum_.positive.begin(), sum_.positive.end(), infinite) ||
         std::any_of(sum_.negative.begin(), sum_.negative.end(), infinite);
}

void RunningHistogramSum::ScaleBy(double factor) {
  Scale(sum_, factor);
  Scale(c_, factor);
}

void RunningHistogramSum::DivideBy(double by) {
  Divide(sum_, by);
  Divide(c_, by);
}

HistogramPtr RunningHistogramSum::Result() && {
  AddCompensation(sum_, c_);
  Compact(sum_);
  return std::make_shared<const Histogram>(std::move(sum_));
}

MergeNotes RunningHistogramMean::Add(const Histogram& histogram) {
  ++count_;
  if (!carried_) {
    RunningHistogramSum next = total_;
    const MergeNotes notes = next.Add(histogram);
    if (notes.incompatible) return notes;
    if (!next.Overflows()) {
      total_ = std::move(next);
      return notes;
    }
    carried_ = true;
    total_.DivideBy(count_ - 1);
  }
  total_.ScaleBy((count_ - 1) / count_);
  Histogram share = histogram;
  Divide(share, count_);
  return total_.Add(share);
}

HistogramPtr RunningHistogramMean::Result() && {
  if (!carried_) total_.DivideBy(count_);
  return std::move(total_).Result();
}

}  // namespace opssight::promql
