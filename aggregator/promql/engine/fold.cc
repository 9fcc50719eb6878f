#include "aggregator/promql/engine/fold.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/engine/histogram_fold.h"
#include "aggregator/promql/functions/mean.h"
#include "aggregator/promql/functions/quantile.h"

namespace opssight::promql {

namespace {

bool HasHistograms(std::span<const Column* const> members) {
  return std::any_of(members.begin(), members.end(),
                     [](const Column* column) { return !column->histograms.empty(); });
}

}  // namespace

Fold::Fold(const AggregateExpr& aggregate, std::span<const double> param, const Steps& steps,
           Annotations& annotations)
    : aggregate_(aggregate), param_(param), steps_(steps), annotations_(annotations) {}

Column Fold::Run(const Group& group) {
  Column column = {.labels = group.labels};
  column.values.assign(steps_.count, Absent());
  for (const Column* member : group.members) column.drop_name |= member->drop_name;
  const bool histograms = HasHistograms(group.members);
  switch (aggregate_.op) {
    case AggregateOp::kSum:
    case AggregateOp::kAvg:
      if (histograms) {
        WithHistograms(group.members, column);
      } else if (aggregate_.op == AggregateOp::kSum) {
        Sum(group.members, column.values);
      } else {
        Avg(group.members, column.values);
      }
      return column;
    case AggregateOp::kCount:
    case AggregateOp::kGroup:
      Count(group.members, column.values);
      return column;
    default:
      break;
  }
  if (histograms) NoteIgnored(group.members);
  if (aggregate_.op == AggregateOp::kMin || aggregate_.op == AggregateOp::kMax) {
    Extreme(group.members, column.values);
  } else if (aggregate_.op == AggregateOp::kQuantile) {
    Quantile(group.members, column.values);
  } else {
    Deviation(group.members, column.values);
  }
  return column;
}

// Kahan-Neumaier, without branches so that it is compiled to vector instructions: as
// KahanSum::Add for each value that is there.
void Fold::Sum(Members members, std::vector<double>& values) {
  sum_.assign(steps_.count, -0.0);  // Leaves the first value as it is, -0 too.
  compensation_.assign(steps_.count, 0);
  count_.assign(steps_.count, 0);
  double* const sum = sum_.data();
  double* const compensation = compensation_.data();
  double* const count = count_.data();
  const std::size_t steps = steps_.count;
  for (const Column* member : members) {
    const double* const add = member->values.data();
    for (std::size_t step = 0; step < steps; ++step) {
      const double x = add[step];
      const bool there = !IsAbsent(x);
      const double before = sum[step];
      const double after = before + x;
      const bool before_is_larger = std::fabs(before) >= std::fabs(x);
      const double larger = before_is_larger ? before : x;
      const double smaller = before_is_larger ? x : before;
      const double lost = (larger - after) + smaller;
      const bool infinite = std::fabs(after) == std::numeric_limits<double>::infinity();
      const double next = infinite ? 0 : compensation[step] + lost;
      sum[step] = there ? after : before;
      compensation[step] = there ? next : compensation[step];
      count[step] += there ? 1.0 : 0.0;
    }
  }
  for (std::size_t step = 0; step < steps; ++step) {
    if (count[step] != 0) values[step] = sum[step] + compensation[step];
  }
}

void Fold::Avg(Members members, std::vector<double>& values) {
  std::vector<FloatMean> means(steps_.count);
  for (const Column* member : members) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (member->HasFloat(step)) means[step].Add(member->values[step]);
    }
  }
  for (std::size_t step = 0; step < steps_.count; ++step) {
    if (means[step].count != 0) values[step] = means[step].Result();
  }
}

void Fold::Extreme(Members members, std::vector<double>& values) const {
  const bool max = aggregate_.op == AggregateOp::kMax;
  for (const Column* member : members) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const double x = member->values[step];
      if (IsAbsent(x)) continue;
      double& best = values[step];
      // An absent best is a NaN as well.
      if (std::isnan(best) || (max ? best < x : best > x)) best = x;
    }
  }
}

void Fold::Count(Members members, std::vector<double>& values) const {
  const bool group = aggregate_.op == AggregateOp::kGroup;
  for (const Column* member : members) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!member->Has(step)) continue;
      double& count = values[step];
      count = group || IsAbsent(count) ? 1 : count + 1;
    }
  }
}

// Welford's: sum_ holds the squares, compensation_ the mean.
void Fold::Deviation(Members members, std::vector<double>& values) {
  sum_.assign(steps_.count, 0);
  compensation_.assign(steps_.count, 0);
  count_.assign(steps_.count, 0);
  for (const Column* member : members) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      const double x = member->values[step];
      if (IsAbsent(x)) continue;
      double& mean = compensation_[step];
      if (++count_[step] == 1) {
        mean = x;
        sum_[step] = std::isfinite(x) ? 0 : std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      const double delta = x - mean;
      mean += delta / count_[step];
      sum_[step] += delta * (x - mean);
    }
  }
  const bool root = aggregate_.op == AggregateOp::kStddev;
  for (std::size_t step = 0; step < steps_.count; ++step) {
    if (count_[step] == 0) continue;
    const double variance = sum_[step] / count_[step];
    values[step] = root ? std::sqrt(variance) : variance;
  }
}

void Fold::Quantile(Members members, std::vector<double>& values) const {
  std::vector<double> sample;
  for (std::size_t step = 0; step < steps_.count; ++step) {
    sample.clear();
    for (const Column* member : members) {
      if (member->HasFloat(step)) sample.push_back(member->values[step]);
    }
    if (!sample.empty()) values[step] = QuantileOf(param_[step], sample);
  }
}

void Fold::WithHistograms(Members members, Column& column) {
  HistogramFold fold(aggregate_, annotations_);
  for (std::size_t step = 0; step < steps_.count; ++step) fold.Run(members, step, column);
}

void Fold::NoteIgnored(Members members) {
  for (const Column* member : members) {
    for (std::size_t step = 0; step < steps_.count; ++step) {
      if (!member->HasHistogram(step)) continue;
      annotations_.Info(fmt::format("ignored histogram in {} aggregation", ToText(aggregate_.op)),
                        Unparenthesized(*aggregate_.expr).pos);
      return;
    }
  }
}

}  // namespace opssight::promql
