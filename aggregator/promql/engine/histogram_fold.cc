#include "aggregator/promql/engine/histogram_fold.h"

#include <utility>

#include <fmt/format.h>

#include "aggregator/promql/engine/evaluate.h"
#include "aggregator/promql/functions/histogram_mean.h"
#include "aggregator/promql/functions/mean.h"

namespace opssight::promql {

HistogramFold::HistogramFold(const AggregateExpr& aggregate, Annotations& annotations)
    : aggregate_(aggregate),
      pos_(Unparenthesized(*aggregate.expr).pos),
      annotations_(annotations) {}

template <class Total>
HistogramPtr HistogramFold::Fold() {
  Total total(*inputs_[0]);
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    const MergeNotes notes = total.Add(*inputs_[i]);
    if (notes.incompatible) {
      annotations_.Warn(fmt::format("vector contains a mix of histograms with exponential and "
                                    "custom buckets schemas for metric name \"{}\"",
                                    owners_[i]->labels.Get(kMetricName)),
                        pos_);
      return nullptr;
    }
    if (notes.bounds_reconciled) {
      annotations_.Info("mismatched custom buckets were reconciled during aggregation", pos_);
    }
  }
  return std::move(total).Result();
}

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
  HistogramPtr result = aggregate_.op == AggregateOp::kSum ? Fold<RunningHistogramSum>()
                                                           : Fold<RunningHistogramMean>();
  if (!result) return;
  if (HintsCollide(inputs_, [](const Histogram* input) -> const Histogram& { return *input; })) {
    annotations_.Warn("conflicting counter resets during histogram aggregation", pos_);
  }
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

}  // namespace opssight::promql
