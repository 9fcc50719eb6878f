#include "common/codec/batch/metric_records.h"

#include <utility>

#include <fmt/core.h>

#include "common/base/check.h"

namespace opssight {

Status CheckRecord(const HistogramRow& row, const BatchLimits& limits) {
  if (row.series != nullptr && row.series->size() > limits.labels_max) {
    return Exhausted("histogram: too many labels on its series");
  }
  return CheckHistogram(row.histogram, limits.histogram_buckets_max);
}

Status CheckRecord(const Exemplar& exemplar, const BatchLimits& limits) {
  if (exemplar.series != nullptr && exemplar.series->size() > limits.labels_max) {
    return Exhausted("exemplar: too many labels on its series");
  }
  std::size_t chars = 0;
  const auto add = [&chars](std::string_view text) {
    for (const char c : text) chars += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  };
  for (const Label& label : exemplar.labels) {
    add(label.name);
    add(label.value);
  }
  if (chars > limits.exemplar_chars_max || exemplar.labels.size() > limits.exemplar_chars_max) {
    return Exhausted(fmt::format("exemplar: labels of {} characters, limit {}", chars,
                                 limits.exemplar_chars_max));
  }
  return {};
}

Status CheckRecord(const MetricMetadata& metadata, const BatchLimits& limits) {
  const std::size_t bytes = metadata.name.size() + metadata.help.size() + metadata.unit.size();
  if (bytes > limits.metadata_bytes_max) {
    return Exhausted(fmt::format("metadata: {} bytes, limit {}", bytes, limits.metadata_bytes_max));
  }
  return metadata.name.empty() ? Invalid("metadata: without a name") : Status();
}

namespace batch {
namespace {

using flatbuffers::FlatBufferBuilder;

template <class T>
Offset<Vector<T>> NumbersOf(FlatBufferBuilder& builder, const std::vector<T>& numbers) {
  return numbers.empty() ? Offset<Vector<T>>() : builder.CreateVector(numbers);
}

using SpanVector = Vector<const wire::BucketSpan*>;

Offset<SpanVector> SpansOf(FlatBufferBuilder& builder, const std::vector<BucketSpan>& spans) {
  if (spans.empty()) return {};
  std::vector<wire::BucketSpan> out;
  for (const BucketSpan& span : spans) out.emplace_back(span.offset, span.length);
  return builder.CreateVectorOfStructs(out);
}

Offset<wire::HistogramRow> HistogramOf(FlatBufferBuilder& builder, const HistogramRow& row,
                                       std::uint32_t series) {
  const Histogram& histogram = row.histogram;
  const auto positive_spans = SpansOf(builder, histogram.positive_spans);
  const auto negative_spans = SpansOf(builder, histogram.negative_spans);
  const auto positive = NumbersOf(builder, histogram.positive);
  const auto negative = NumbersOf(builder, histogram.negative);
  const auto custom_values = NumbersOf(builder, histogram.custom_values);
  return wire::CreateHistogramRow(
      builder, series, row.time_ms, histogram.schema, static_cast<std::uint8_t>(histogram.hint),
      histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum,
      positive_spans, negative_spans, positive, negative, custom_values);
}

template <class T>
Offset<Vector<Offset<T>>> TablesOf(FlatBufferBuilder& builder, const std::vector<Offset<T>>& all) {
  return all.empty() ? Offset<Vector<Offset<T>>>() : builder.CreateVector(all);
}

std::vector<BucketSpan> ReadSpans(const SpanVector* spans, Reader& reader) {
  std::vector<BucketSpan> out;
  if (spans == nullptr || !reader.Table(spans->size() * sizeof(wire::BucketSpan))) return out;
  out.reserve(spans->size());
  for (const wire::BucketSpan* span : *spans) {
    out.push_back({.offset = span->offset(), .length = span->length()});
  }
  return out;
}

std::vector<double> ReadDoubles(const Vector<double>* numbers, Reader& reader) {
  const std::span<const double> view = reader.Numbers(numbers);
  return {view.begin(), view.end()};
}

using SeriesList = std::vector<std::shared_ptr<const Labels>>;

Result<SeriesList> ReadSeries(const wire::Batch& batch, const BatchLimits& limits, Reader& reader) {
  SeriesList out;
  if (batch.series() == nullptr) return out;
  for (const wire::SeriesLabels* series : *batch.series()) {
    if (!reader.Table()) break;
    if (series->labels()->size() > limits.labels_max) {
      return Exhausted("batch: too many labels on a series");
    }
    out.push_back(std::make_shared<const Labels>(ReadPairs(*series->labels(), reader)));
  }
  return out;
}

// A record that this side would not have sent.
Status Refused(const Status& status) {
  if (status || status.error().code == ErrorCode::kExhausted) return status;
  return Bad(status.error().message);
}

Status ReadHistograms(const wire::Batch& batch, const SeriesList& series, const BatchLimits& limits,
                      Reader& reader, std::vector<HistogramRow>& out) {
  if (batch.histograms() == nullptr) return {};
  for (const wire::HistogramRow* row : *batch.histograms()) {
    // The time and the sum at least: a row takes 250 bytes of memory.
    if (!reader.Table(sizeof(std::int64_t) + sizeof(double))) break;
    if (row->series() >= series.size()) return Bad("a histogram without series");
    if (row->hint() > static_cast<std::uint8_t>(ResetHint::kGauge)) return Bad("reset hint");
    HistogramRow read{.series = series[row->series()],
                      .time_ms = row->time(),
                      .histogram = {.schema = row->schema(),
                                    .hint = static_cast<ResetHint>(row->hint()),
                                    .zero_threshold = row->zero_threshold(),
                                    .zero_count = row->zero_count(),
                                    .count = row->count(),
                                    .sum = row->sum()}};
    read.histogram.positive_spans = ReadSpans(row->positive_spans(), reader);
    read.histogram.negative_spans = ReadSpans(row->negative_spans(), reader);
    read.histogram.positive = ReadDoubles(row->positive(), reader);
    read.histogram.negative = ReadDoubles(row->negative(), reader);
    read.histogram.custom_values = ReadDoubles(row->custom_values(), reader);
    OPS_RETURN_IF_ERROR(reader.Done());
    OPS_RETURN_IF_ERROR(Refused(CheckRecord(read, limits)));
    out.push_back(std::move(read));
  }
  return {};
}

Status ReadExemplars(const wire::Batch& batch, const SeriesList& series, const BatchLimits& limits,
                     Reader& reader, std::vector<Exemplar>& out) {
  if (batch.exemplars() == nullptr) return {};
  for (const wire::Exemplar* exemplar : *batch.exemplars()) {
    if (!reader.Table(sizeof(std::int64_t))) break;
    if (exemplar->series() >= series.size()) return Bad("an exemplar without series");
    Exemplar read{.series = series[exemplar->series()],
                  .time_ms = exemplar->time(),
                  .value = exemplar->value()};
    if (exemplar->labels() != nullptr) read.labels = ReadPairs(*exemplar->labels(), reader);
    OPS_RETURN_IF_ERROR(reader.Done());
    OPS_RETURN_IF_ERROR(Refused(CheckRecord(read, limits)));
    out.push_back(std::move(read));
  }
  return {};
}

Status ReadMetadata(const wire::Batch& batch, const BatchLimits& limits, Reader& reader,
                    std::vector<MetricMetadata>& out) {
  if (batch.metadata() == nullptr) return {};
  for (const wire::MetricMetadata* one : *batch.metadata()) {
    if (!reader.Table()) break;
    if (one->type() > static_cast<std::uint8_t>(MetricType::kInfo)) return Bad("metric type");
    MetricMetadata read{.name = std::string(reader.Text(one->name())),
                        .type = static_cast<MetricType>(one->type()),
                        .help = std::string(reader.Text(one->help())),
                        .unit = std::string(reader.Text(one->unit()))};
    OPS_RETURN_IF_ERROR(reader.Done());
    OPS_RETURN_IF_ERROR(Refused(CheckRecord(read, limits)));
    out.push_back(std::move(read));
  }
  return {};
}

}  // namespace

Error Bad(std::string_view what) {
  return Corrupt(fmt::format("batch: {}", what));
}

MetricRecordsAt WriteMetricRecords(FlatBufferBuilder& builder, const BatchContents& contents) {
  Numbering<Labels> numbers;
  std::vector<Offset<wire::HistogramRow>> histograms;
  for (const HistogramRow& row : contents.histograms) {
    OPS_CHECK(row.series != nullptr, "batch: a histogram without series");
    histograms.push_back(HistogramOf(builder, row, numbers.NumberOf(row.series.get())));
  }
  std::vector<Offset<wire::Exemplar>> exemplars;
  for (const Exemplar& exemplar : contents.exemplars) {
    OPS_CHECK(exemplar.series != nullptr, "batch: an exemplar without series");
    const std::uint32_t series = numbers.NumberOf(exemplar.series.get());
    const auto labels = Pairs(builder, exemplar.labels);
    exemplars.push_back(
        wire::CreateExemplar(builder, series, exemplar.time_ms, exemplar.value, labels));
  }
  std::vector<Offset<wire::MetricMetadata>> metadata;
  for (const MetricMetadata& one : contents.metadata) {
    const auto name = builder.CreateString(one.name);
    const auto help = Text(builder, one.help);
    const auto unit = Text(builder, one.unit);
    metadata.push_back(
        wire::CreateMetricMetadata(builder, name, static_cast<std::uint8_t>(one.type), help, unit));
  }
  std::vector<Offset<wire::SeriesLabels>> series;
  for (const Labels* labels : numbers.order()) {
    series.push_back(wire::CreateSeriesLabels(builder, Pairs(builder, *labels)));
  }
  return {.series = TablesOf(builder, series),
          .histograms = TablesOf(builder, histograms),
          .exemplars = TablesOf(builder, exemplars),
          .metadata = TablesOf(builder, metadata)};
}

std::vector<Label> ReadPairs(const Vector<Offset<wire::Pair>>& pairs, Reader& reader) {
  std::vector<Label> out;
  for (const wire::Pair* pair : pairs) {
    if (!reader.Table()) break;
    out.push_back({.name = std::string(reader.Text(pair->name())),
                   .value = std::string(reader.Text(pair->value()))});
  }
  return out;
}

Status ReadMetricRecords(const wire::Batch& batch, const BatchLimits& limits, Reader& reader,
                         MetricRecordsInto out) {
  OPS_TRY(const SeriesList series, ReadSeries(batch, limits, reader));
  OPS_RETURN_IF_ERROR(ReadHistograms(batch, series, limits, reader, out.histograms));
  OPS_RETURN_IF_ERROR(ReadExemplars(batch, series, limits, reader, out.exemplars));
  return ReadMetadata(batch, limits, reader, out.metadata);
}

}  // namespace batch
}  // namespace opssight
