#include "aggregator/promql/engine/budget.h"

namespace opssight::promql {

std::uint64_t SamplesOf(const Histogram& histogram) {
  const std::size_t numbers = histogram.positive.size() + histogram.negative.size() +
                              histogram.custom_values.size() + histogram.positive_spans.size() +
                              histogram.negative_spans.size();
  return 10 + numbers / 2;
}

std::uint64_t SamplesOf(const Column& column) {
  std::uint64_t samples = column.values.size();
  for (const HistogramPtr& histogram : column.histograms) {
    if (histogram) samples += SamplesOf(*histogram);
  }
  return samples;
}

std::uint64_t SamplesOf(const Arg& value) {
  std::uint64_t samples = value.scalars.size();
  for (const Column& column : value.columns) samples += SamplesOf(column);
  return samples;
}

std::uint64_t SampleBudget::SamplesOf(const Labels& labels) const {
  if (!counts_labels_) return 0;
  constexpr std::size_t kFreeBytes = 1024;
  std::size_t bytes = 0;
  for (const Label& label : labels) bytes += label.name.size() + label.value.size();
  return bytes > kFreeBytes ? (bytes - kFreeBytes) / sizeof(Sample) : 0;
}

std::uint64_t SampleBudget::SamplesOfLabels(const Columns& columns) const {
  if (!counts_labels_) return 0;
  std::uint64_t samples = 0;
  for (const Column& column : columns) samples += SamplesOf(column.labels);
  return samples;
}

Status SampleBudget::Check(std::uint64_t held) {
  std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (held > peak && !peak_.compare_exchange_weak(peak, held, std::memory_order_relaxed)) {
  }
  if (held <= max_) return {};
  return Exhausted("query processing would load too many samples into memory in query execution");
}

Status SampleBudget::Take(std::uint64_t samples) {
  return Check(held_.fetch_add(samples, std::memory_order_relaxed) + samples);
}

Status SampleBudget::Settle(std::uint64_t samples) {
  held_.store(samples, std::memory_order_relaxed);
  return Check(samples);
}

}  // namespace opssight::promql
