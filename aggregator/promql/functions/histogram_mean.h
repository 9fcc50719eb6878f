// Sum and mean of native histograms, as aggregations and *_over_time compute them; the
// mean does not overflow where the sum would (FloatMean's twin). Add says what it had to
// do; where it says incompatible, nothing was added and the whole has no result.
#pragma once

#include <algorithm>

#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/value/value.h"

namespace opssight::promql {

class RunningHistogramSum {
 public:
  explicit RunningHistogramSum(const Histogram& first);
  MergeNotes Add(const Histogram& histogram) { return Merge(sum_, histogram, 1, &c_); }
  HistogramPtr Result() &&;

 private:
  friend class RunningHistogramMean;
  bool Overflows() const;
  void ScaleBy(double factor);
  void DivideBy(double by);

  Histogram sum_;
  Histogram c_;  // Its Kahan terms.
};

class RunningHistogramMean {
 public:
  explicit RunningHistogramMean(const Histogram& first) : total_(first) {}
  MergeNotes Add(const Histogram& histogram);
  HistogramPtr Result() &&;

 private:
  RunningHistogramSum total_;
  double count_ = 1;
  bool carried_ = false;  // total_ is the mean, from where the sum would overflow.
};

// Whether hints of all say both that the counter began anew and that it did not.
template <class Items, class HistogramOf>
bool HintsCollide(const Items& items, HistogramOf histogram_of) {
  const auto has = [&](ResetHint hint) {
    return std::any_of(items.begin(), items.end(),
                       [&](const auto& item) { return histogram_of(item).hint == hint; });
  };
  return has(ResetHint::kReset) && has(ResetHint::kNotReset);
}

}  // namespace opssight::promql
