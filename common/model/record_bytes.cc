#include "common/model/record_bytes.h"

namespace opssight {
namespace {

template <class List>
std::size_t BytesOfAll(const List& labels) {
  std::size_t bytes = 0;
  for (const Label& label : labels) bytes += sizeof(Label) + label.name.size() + label.value.size();
  return bytes;
}

}  // namespace

std::size_t BytesOf(const Labels& labels) {
  return BytesOfAll(labels);
}

std::size_t BytesOf(const std::vector<Label>& labels) {
  return BytesOfAll(labels);
}

std::size_t BytesOf(const Histogram& histogram) {
  return sizeof(Histogram) +
         (histogram.positive.size() + histogram.negative.size() + histogram.custom_values.size()) *
             sizeof(double) +
         (histogram.positive_spans.size() + histogram.negative_spans.size()) * sizeof(BucketSpan);
}

std::size_t BytesOf(const HistogramRow& row) {
  return sizeof(HistogramRow) - sizeof(Histogram) + BytesOf(*row.series) + BytesOf(row.histogram);
}

std::size_t BytesOf(const Exemplar& exemplar) {
  return sizeof(Exemplar) + BytesOf(*exemplar.series) + BytesOf(exemplar.labels);
}

std::size_t BytesOf(const MetricMetadata& metadata) {
  return sizeof(MetricMetadata) + metadata.name.size() + metadata.help.size() +
         metadata.unit.size();
}

}  // namespace opssight
