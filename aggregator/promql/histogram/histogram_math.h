// What PromQL does with native histograms: bucket iteration, addition and subtraction over
// differing schemas and custom bounds, scaling, reset detection, equality, quantiles and
// fractions, trimming, text. Pure. Histograms are valid ones (CheckHistogram); counts may be
// negative after a subtraction.
// Facts: https://prometheus.io/docs/specs/native_histograms/
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/model/histogram.h"

namespace opssight::promql {

// One bucket as the API shows it: rule 0 (l,u], 1 [l,u), 2 (l,u), 3 [l,u].
struct Bucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
  std::int32_t index = 0;
  int rule() const {
    return lower_inclusive ? (upper_inclusive ? 3 : 1) : (upper_inclusive ? 0 : 2);
  }
};
// All buckets from the lowest bound to the highest: negative ones, zero, positive ones.
// Empty ones within spans too.
std::vector<Bucket> AllBuckets(const Histogram& histogram);

// Empty buckets are cut out, touching spans joined.
void Compact(Histogram& histogram);

// What Add and Sub had to do or could not; callers make annotations of it.
struct MergeNotes {
  bool incompatible = false;       // Exponential with custom: left untouched.
  bool bounds_reconciled = false;  // Custom bounds intersected.
  bool hints_collide = false;      // Reset met not-reset.
};
// to += from (sign 1) or to -= from (sign -1). compensation (may be null): the Kahan terms of
// `to`, a histogram of the same layout, for long sums; add it at the end with AddCompensation.
MergeNotes Merge(Histogram& to, const Histogram& from, int sign, Histogram* compensation);
void AddCompensation(Histogram& to, const Histogram& compensation);
void Scale(Histogram& histogram, double factor);  // * factor; negative makes it a gauge.
void Divide(Histogram& histogram, double by);     // Zero: buckets vanish, as Prometheus does.
// Whether between previous and current the counter began anew.
bool DetectReset(const Histogram& current, const Histogram& previous);
// As PromQL's == between histograms (hint left aside, layouts compacted).
bool Equals(const Histogram& a, const Histogram& b);

// `{count:4, sum:5, (1,2]:4}`: Prometheus' String(), in count_values and errors.
std::string ToString(const Histogram& histogram);

struct NanNotes {
  bool result_nan = false;     // NaN observations made the result NaN.
  bool result_skewed = false;  // … skewed it higher.
};
double Quantile(double q, const Histogram& histogram, NanNotes* notes);
double Fraction(double lower, double upper, const Histogram& histogram, NanNotes* notes);
double Variance(const Histogram& histogram);
// Observations above (upper) or below the bound are taken out: `</` and `>/`.
Histogram Trim(const Histogram& histogram, double bound, bool keep_lower);

}  // namespace opssight::promql
