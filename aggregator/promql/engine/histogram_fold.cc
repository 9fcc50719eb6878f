#include "aggregator/promql/engine/histogram_fold.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/functions/mean.h"
#include "aggregator/promql/histogram/histogram_math.h"

namespace opssight::promql {

namespace {

bool Overflows(const Histogram& histogram) {
  const auto infinite = [](double x) { return std::isinf(x); };
  return infinite(histogram.count) || infinite(histogram.sum) || infinite(histogram.zero_count) ||
         std::any_of(histogram.positive.begin(), histogram.positive.end(), infinite) ||
         std::any_of(histogram.negative.begin(), histogram.negative.end(), infinite);
}

// Of the layout of another, and empty.
Histogram Emptied(const Histogram& like) {
  Histogram empty = like;
  empty.count = 0;
  empty.sum = 0;
  empty.zero_count = 0;
  std::fill(empty.positive.begin(), empty.positive.end(), 0.0);
  std::fill(empty.negative.begin(), empty.negative.end(), 0.0);
  return empty;
}

HistogramPtr Finished(Histogram sum, const Histogram& compensation) {
  AddCompensation(sum, compensation);
  Compact(sum);
  return std::make_shared<const Histogram>(std::move(sum));
}

}  // namespace

HistogramFold::HistogramFold(const AggregateExpr& aggregate, Annotations& annotations)
    : aggregate_(aggregate),
      pos_(Unparenthesized(*aggregate.expr).pos),
      annotations_(annotations) {}

void HistogramFold::Run(std::span<const Column* const> members, std::size_t step, Column& column) {
  inputs_.clear();
  owners_.clear();
  bool floats = false;
  for (const Column* member : members) {
    floats = floats || member->HasFloat(step);
    if (!member->HasHistogram(step)) continue;
    inputs_.push_back(member->histograms[step].get());
    owners_.push_back(member);
  }
  if (inputs_.empty()) {
    if (floats) Floats(members, step, column);
    return;
  }
  if (floats) {
    annotations_.Warn("encountered a mix of histograms and floats for aggregation", pos_);
    return;
  }
  HistogramPtr result = aggregate_.op == AggregateOp::kSum ? Sum() : Avg();
  if (!result) return;
  NoteCollision();
  if (column.histograms.empty()) column.histograms.resize(column.values.size());
  column.histograms[step] = std::move(result);
}

void HistogramFold::Floats(std::span<const Column* const> members, std::size_t step,
                           Column& column) const {
  FloatMean mean;
  KahanSum sum = {.sum = -0.0, .c = 0};
  for (const Column* member : members) {
    if (!member->HasFloat(step)) continue;
    mean.Add(member->values[step]);
    sum.Add(member->values[step]);
  }
  column.values[step] = aggregate_.op == AggregateOp::kSum ? sum.Result() : mean.Result();
}

bool HistogramFold::Add(std::size_t i, const Histogram& input, Histogram& sum,
                        Histogram& compensation) {
  const MergeNotes notes = Merge(sum, input, 1, &compensation);
  if (notes.incompatible) {
    annotations_.Warn(fmt::format("vector contains a mix of histograms with exponential and "
                                  "custom buckets schemas for metric name \"{}\"",
                                  owners_[i]->labels.Get(kMetricName)),
                      pos_);
    return false;
  }
  if (notes.bounds_reconciled) {
    annotations_.Info("mismatched custom buckets were reconciled during aggregation", pos_);
  }
  return true;
}

HistogramPtr HistogramFold::Sum() {
  Histogram sum = *inputs_[0];
  Histogram compensation = Emptied(sum);
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    if (!Add(i, *inputs_[i], sum, compensation)) return nullptr;
  }
  return Finished(std::move(sum), compensation);
}

// The sum over the count; from where that would overflow, the mean of what came before is
// carried on.
HistogramPtr HistogramFold::Avg() {
  Histogram mean = *inputs_[0];
  Histogram compensation = Emptied(mean);
  bool carried = false;
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    const double count = static_cast<double>(i + 1);
    if (!carried) {
      Histogram sum = mean;
      Histogram sum_compensation = compensation;
      if (!Add(i, *inputs_[i], sum, sum_compensation)) return nullptr;
      if (!Overflows(sum)) {
        mean = std::move(sum);
        compensation = std::move(sum_compensation);
        continue;
      }
      carried = true;
      Divide(mean, count - 1);
      Divide(compensation, count - 1);
    }
    Scale(mean, (count - 1) / count);
    Scale(compensation, (count - 1) / count);
    Histogram share = *inputs_[i];
    Divide(share, count);
    if (!Add(i, share, mean, compensation)) return nullptr;
  }
  if (!carried) {
    Divide(mean, static_cast<double>(inputs_.size()));
    Divide(compensation, static_cast<double>(inputs_.size()));
  }
  return Finished(std::move(mean), compensation);
}

void HistogramFold::NoteCollision() {
  const auto has = [&](ResetHint hint) {
    return std::any_of(inputs_.begin(), inputs_.end(),
                       [hint](const Histogram* input) { return input->hint == hint; });
  };
  if (has(ResetHint::kReset) && has(ResetHint::kNotReset)) {
    annotations_.Warn("conflicting counter resets during histogram aggregation", pos_);
  }
}

}  // namespace opssight::promql
