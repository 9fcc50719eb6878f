// Addition, subtraction, scaling.
#include <algorithm>
#include <utility>

#include "aggregator/promql/histogram/cells.h"
#include "aggregator/promql/histogram/histogram_math.h"
#include "aggregator/promql/histogram/zero_bucket.h"
#include "common/base/kahan.h"

namespace opssight::promql {

namespace {

// True: a counter that began anew met one that did not.
bool JoinHints(Histogram& to, ResetHint from) {
  if (from == to.hint || to.hint == ResetHint::kGauge) return false;
  if (from == ResetHint::kGauge) {
    to.hint = ResetHint::kGauge;
    return false;
  }
  const bool collide = to.hint != ResetHint::kUnknown && from != ResetHint::kUnknown;
  to.hint = ResetHint::kUnknown;
  return collide;
}

void AddTo(double x, double& sum, double* c) {
  if (c == nullptr) {
    sum += x;
  } else {
    KahanAdd(x, sum, *c);
  }
}

bool SameLayout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.custom_values == b.custom_values;
}

void AddCounts(const std::vector<double>& from, double sign, std::vector<double>& to,
               std::vector<double>* compensation) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    AddTo(sign * from[i], to[i], compensation == nullptr ? nullptr : &(*compensation)[i]);
  }
}

Cells Joined(const Cells& to, const Cells& from, double sign) {
  Cells joined;
  joined.reserve(std::max(to.size(), from.size()));
  std::size_t i = 0;
  for (const Cell& cell : from) {
    while (i < to.size() && to[i].index < cell.index) joined.push_back(to[i++]);
    Cell sum = {.index = cell.index};
    if (i < to.size() && to[i].index == cell.index) sum = to[i++];
    KahanAdd(sign * cell.count, sum.count, sum.c);
    joined.push_back(sum);
  }
  joined.insert(joined.end(), to.begin() + static_cast<std::ptrdiff_t>(i), to.end());
  return joined;
}

// Joins buckets of differing layouts. Kahan terms that nobody keeps are left out of the sums,
// as Prometheus' plain addition has none.
Cells JoinedSide(const Cells& to, const Cells& from, double sign, bool compensated) {
  Cells joined = Joined(to, from, sign);
  if (!compensated) {
    for (Cell& cell : joined) cell.c = 0;
  }
  return joined;
}

// True: bounds differed, and only those that both have are left.
bool ReconcileBounds(Histogram& to, const Histogram& from, Parts& to_parts, Parts& from_parts) {
  if (to.custom_values == from.custom_values) return false;
  std::vector<double> common = CommonBounds(to.custom_values, from.custom_values);
  const auto move = [&common](const std::vector<double>& bounds, Cells& cells) {
    const std::vector<std::int64_t> within = BucketsWithin(bounds, common);
    const auto last = static_cast<std::int64_t>(bounds.size());
    MapCells(cells, [&](std::int64_t index) {
      return within[static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, last))];
    });
  };
  move(to.custom_values, to_parts.positive);
  move(from.custom_values, from_parts.positive);
  to.custom_values = std::move(common);
  return true;
}

void ReconcileExponential(Parts& to, Parts& from) {
  while (to.zero_threshold != from.zero_threshold) {
    if (to.zero_threshold > from.zero_threshold) {
      WidenZero(from, to.zero_threshold);
    } else {
      WidenZero(to, from.zero_threshold);
    }
  }
  const std::int32_t schema = std::min(to.schema, from.schema);
  Reduce(to, schema);
  Reduce(from, schema);
}

void PutTogether(const Parts& parts, Histogram& histogram, Histogram* compensation) {
  histogram.schema = parts.schema;
  histogram.zero_threshold = parts.zero_threshold;
  histogram.zero_count = parts.zero_count;
  const bool compensated = compensation != nullptr;
  FromCells(parts.positive, histogram.positive_spans, histogram.positive,
            compensated ? &compensation->positive : nullptr);
  FromCells(parts.negative, histogram.negative_spans, histogram.negative,
            compensated ? &compensation->negative : nullptr);
  if (!compensated) return;
  compensation->schema = histogram.schema;
  compensation->zero_threshold = histogram.zero_threshold;
  compensation->zero_count = parts.zero_c;
  compensation->positive_spans = histogram.positive_spans;
  compensation->negative_spans = histogram.negative_spans;
  compensation->custom_values = histogram.custom_values;
}

// True: custom bounds had to be reconciled.
bool MergeBuckets(Histogram& to, const Histogram& from, double sign, Histogram* compensation) {
  const bool compensated = compensation != nullptr;
  if (SameLayout(to, from)) {
    AddTo(sign * from.zero_count, to.zero_count, compensated ? &compensation->zero_count : nullptr);
    AddCounts(from.positive, sign, to.positive, compensated ? &compensation->positive : nullptr);
    AddCounts(from.negative, sign, to.negative, compensated ? &compensation->negative : nullptr);
    return false;
  }
  Parts parts = TakeApart(to, compensation);
  Parts from_parts = TakeApart(from, nullptr);
  bool reconciled = false;
  if (to.custom()) {
    reconciled = ReconcileBounds(to, from, parts, from_parts);
  } else {
    ReconcileExponential(parts, from_parts);
  }
  AddTo(sign * from_parts.zero_count, parts.zero_count, compensated ? &parts.zero_c : nullptr);
  parts.positive = JoinedSide(parts.positive, from_parts.positive, sign, compensated);
  parts.negative = JoinedSide(parts.negative, from_parts.negative, sign, compensated);
  PutTogether(parts, to, compensation);
  return reconciled;
}

template <class Change>
void ChangeCounts(Histogram& histogram, Change&& change) {
  change(histogram.count);
  change(histogram.sum);
  change(histogram.zero_count);
  std::for_each(histogram.positive.begin(), histogram.positive.end(), change);
  std::for_each(histogram.negative.begin(), histogram.negative.end(), change);
}

}  // namespace

MergeNotes Merge(Histogram& to, const Histogram& from, int sign, Histogram* compensation) {
  MergeNotes notes;
  if (to.custom() != from.custom()) {
    notes.incompatible = true;
    return notes;
  }
  notes.hints_collide = JoinHints(to, from.hint);
  const double by = sign;
  AddTo(by * from.count, to.count, compensation == nullptr ? nullptr : &compensation->count);
  AddTo(by * from.sum, to.sum, compensation == nullptr ? nullptr : &compensation->sum);
  notes.bounds_reconciled = MergeBuckets(to, from, by, compensation);
  return notes;
}

void AddCompensation(Histogram& to, const Histogram& compensation) {
  to.count += compensation.count;
  to.sum += compensation.sum;
  to.zero_count += compensation.zero_count;
  for (std::size_t i = 0; i < to.positive.size(); ++i) to.positive[i] += compensation.positive[i];
  for (std::size_t i = 0; i < to.negative.size(); ++i) to.negative[i] += compensation.negative[i];
}

void Scale(Histogram& histogram, double factor) {
  ChangeCounts(histogram, [factor](double& x) { x *= factor; });
  if (factor < 0) histogram.hint = ResetHint::kGauge;
}

void Divide(Histogram& histogram, double by) {
  ChangeCounts(histogram, [by](double& x) { x /= by; });
  if (by < 0) histogram.hint = ResetHint::kGauge;
  if (by != 0) return;
  histogram.positive_spans.clear();
  histogram.negative_spans.clear();
  histogram.positive.clear();
  histogram.negative.clear();
}

}  // namespace opssight::promql
