#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/codec/otlp/exponential.h"
#include "common/codec/otlp/metric_visitor.h"
#include "common/codec/otlp/names.h"
#include "common/model/record_bytes.h"

namespace opssight::otlp {
namespace {

using Kind = MetricHead::Kind;

constexpr std::int64_t kDelta = 1;
constexpr std::int64_t kCumulative = 2;
constexpr std::int64_t kNsPerMs = 1'000'000;

std::size_t Runes(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xc0U) != 0x80U;
  }));
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
  return out;
}

bool ReadBuckets(const wire::otlp::ExponentialHistogramDataPoint::Buckets& from,
                 ExponentialBuckets& out) {
  // One more is added to an index later on.
  const std::int64_t end = std::int64_t{from.offset()} + from.bucket_counts_size();
  if (end >= INT32_MAX || from.offset() <= INT32_MIN) return false;
  out.offset = from.offset();
  out.counts.reserve(static_cast<std::size_t>(from.bucket_counts_size()));
  for (const std::uint64_t count : from.bucket_counts()) {
    out.counts.push_back(static_cast<double>(count));
  }
  return true;
}

}  // namespace

// ---- what is added up

bool MetricVisitor::TemporalityFits() {
  if (head_.temporality == kDelta || head_.temporality == kCumulative) return true;
  Reject(OtlpReject::kTemporality, "aggregation_temporality is neither delta nor cumulative");
  return false;
}

DeltaPoint MetricVisitor::DeltaOf(const Point& point, std::uint64_t shape) const {
  return {.series = rows_.Identity(names_.plain, point.base),
          .shape = shape,
          .start_ns = point.start_ns,
          .time_ns = point.time_ns};
}

void MetricVisitor::RejectDelta(const Error& error) {
  Reject(error.code == ErrorCode::kInvalid ? OtlpReject::kOutOfOrder : OtlpReject::kTemporality,
         error.message);
}

bool MetricVisitor::Accumulate(const Point& point, std::uint64_t shape,
                               std::vector<double>& values) {
  if (head_.temporality != kDelta || point.stale) return true;
  auto sums = deltas_.Add(DeltaOf(point, shape), values, now_ms_);
  if (!sums) {
    RejectDelta(sums.error());
    return false;
  }
  values.assign(sums->begin(), sums->end());
  return true;
}

// ---- exemplars

std::optional<Exemplar> MetricVisitor::ReadExemplar(const wire::otlp::Exemplar& from) const {
  Exemplar out;
  const std::uint64_t time_ns = from.time_unix_nano();
  if (time_ns == 0 || time_ns > INT64_MAX) return std::nullopt;
  out.time_ms = static_cast<std::int64_t>(time_ns) / kNsPerMs;
  if (out.time_ms > now_ms_ + options_.future_ms) return std::nullopt;
  out.value = from.value_case() == wire::otlp::Exemplar::kAsInt ? static_cast<double>(from.as_int())
                                                                : from.as_double();
  std::vector<Label> labels;
  std::size_t runes = 0;
  const auto add = [&](std::string name, std::string value) {
    runes += Runes(name) + Runes(value);
    labels.push_back({.name = std::move(name), .value = std::move(value)});
  };
  if (from.trace_id().size() == sizeof(TraceId)) add("trace_id", Hex(from.trace_id()));
  if (from.span_id().size() == sizeof(SpanId)) add("span_id", Hex(from.span_id()));
  const std::size_t ids = labels.size();
  const int count = values_.Usable(from.filtered_attributes());
  for (int i = 0; i < count && runes <= options_.exemplar_runes_max; ++i) {
    const auto& attribute = from.filtered_attributes(i);
    auto name = LabelName(values_.Key(attribute.key()), options_.translation);
    std::string value = values_.ToText(attribute.value(), limits_.label_value_bytes_max);
    if (name && !value.empty()) add(*std::move(name), std::move(value));
  }
  if (runes > options_.exemplar_runes_max) labels.resize(ids);  // The ids are what is asked for.
  const Labels sorted(std::move(labels));                       // Each name once.
  out.labels.assign(sorted.begin(), sorted.end());
  return out;
}

template <class F>
void MetricVisitor::AddExemplars(const Exemplars& exemplars, F series_of) {
  for (const wire::otlp::Exemplar& from : exemplars) {
    auto exemplar = ReadExemplar(from);
    if (!exemplar) continue;
    exemplar->series = series_of(exemplar->value);
    const std::size_t bytes = BytesOf(*exemplar);
    if (this->bytes() + bytes > limits_.decoded_bytes_max) {
      ++out_.outcome.exemplars_dropped;
      continue;
    }
    beside_rows_ += bytes;
    out_.exemplars.push_back(*std::move(exemplar));
  }
}

// ---- one function a kind

void MetricVisitor::Number(const wire::otlp::NumberDataPoint& from) {
  using wire::otlp::NumberDataPoint;
  const bool sum = head_.kind == Kind::kSum;
  if (sum && !TemporalityFits()) return;
  const bool stale = (from.flags() & 1U) != 0;
  if (from.value_case() == NumberDataPoint::VALUE_NOT_SET && !stale) {
    return Reject(OtlpReject::kNoValue, "a data point without a value");
  }
  const auto point = ReadPoint(from, 1, {});
  if (!point) return;
  std::vector<double> value = {from.value_case() == NumberDataPoint::kAsInt
                                   ? static_cast<double>(from.as_int())
                                   : from.as_double()};
  if (sum && !Accumulate(*point, 0, value)) return;
  const auto series = SeriesOf(names_.plain, *point,
                               sum && head_.monotonic ? MetricType::kCounter : MetricType::kGauge);
  if (!from.exemplars().empty()) {
    AddExemplars(from.exemplars(), [labels = SharedLabels(series)](double) { return labels; });
  }
  Add(series, *point, value[0]);
  ++out_.outcome.accepted;
}

bool MetricVisitor::BoundsFit(const wire::otlp::HistogramDataPoint& from) {
  const auto& bounds = from.explicit_bounds();
  const auto& counts = from.bucket_counts();
  const bool none = counts.empty() && bounds.empty();
  if (!none && counts.size() != bounds.size() + 1) {
    Reject(OtlpReject::kBadShape,
           fmt::format("{} bucket counts for {} bounds", counts.size(), bounds.size()));
    return false;
  }
  const auto ascends = [](double a, double b) { return !(a < b); };
  if (std::adjacent_find(bounds.begin(), bounds.end(), ascends) != bounds.end() ||
      std::any_of(bounds.begin(), bounds.end(), [](double bound) { return std::isnan(bound); })) {
    Reject(OtlpReject::kBadShape, "bounds that do not ascend");
    return false;
  }
  return true;
}

void MetricVisitor::Histogram(const wire::otlp::HistogramDataPoint& from) {
  if (!TemporalityFits() || !BoundsFit(from)) return;
  const auto& bounds = from.explicit_bounds();
  const bool custom = options_.translation.histograms_to_nhcb;
  const auto point = ReadPoint(from, static_cast<std::size_t>(bounds.size()) + 3,
                               custom ? std::string_view() : "le");
  if (!point) return;
  std::vector<double> values;  // Buckets cumulated, sum, count.
  double below = 0;
  for (int i = 0; i < bounds.size(); ++i) {
    below += static_cast<double>(from.bucket_counts(i));
    values.push_back(below);
  }
  values.push_back(from.sum());
  values.push_back(static_cast<double>(from.count()));
  const std::string_view shape(reinterpret_cast<const char*>(bounds.data()),
                               static_cast<std::size_t>(bounds.size()) * sizeof(double));
  if (!Accumulate(*point, Hash64(shape), values)) return;
  if (!custom) {
    AddClassic(from, *point, values);
  } else if (!AddCustom(from, *point, values)) {
    return;
  }
  ++out_.outcome.accepted;
}

void MetricVisitor::AddClassic(const wire::otlp::HistogramDataPoint& from, const Point& point,
                               std::span<const double> values) {
  const auto bounds = static_cast<std::size_t>(from.explicit_bounds_size());
  const auto bucket = [&](double bound) {
    return SeriesOf(names_.bucket, point, MetricType::kHistogram, "le", FormatFixed(bound));
  };
  for (std::size_t i = 0; i < bounds; ++i) {
    const double bound = from.explicit_bounds(static_cast<int>(i));
    if (std::isinf(bound) && bound > 0) continue;  // The one that comes below.
    Add(bucket(bound), point, values[i]);
  }
  Add(bucket(HUGE_VAL), point, values[bounds + 1]);
  if (from.has_sum()) {
    Add(SeriesOf(names_.sum, point, MetricType::kHistogram), point, values[bounds]);
  }
  Add(SeriesOf(names_.count, point, MetricType::kHistogram), point, values[bounds + 1]);
  if (from.exemplars().empty()) return;
  std::vector<std::shared_ptr<const Labels>> labels(bounds + 1);  // By bucket, once needed.
  AddExemplars(from.exemplars(), [&](double value) {
    const auto& all = from.explicit_bounds();
    const auto at = std::lower_bound(all.begin(), all.end(), value);
    std::shared_ptr<const Labels>& shared = labels[static_cast<std::size_t>(at - all.begin())];
    if (shared == nullptr) shared = SharedLabels(bucket(at == all.end() ? HUGE_VAL : *at));
    return shared;
  });
}

bool MetricVisitor::AddCustom(const wire::otlp::HistogramDataPoint& from, const Point& point,
                              std::span<const double> values) {
  std::vector<double> bounds(from.explicit_bounds().begin(), from.explicit_bounds().end());
  std::vector<double> counts;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    counts.push_back(values[i] - (i == 0 ? 0 : values[i - 1]));
  }
  const double count = values[bounds.size() + 1];
  counts.push_back(count - (bounds.empty() ? 0 : values[bounds.size() - 1]));
  if (!bounds.empty() && std::isinf(bounds.back())) {  // +Inf's bucket has no bound here.
    bounds.pop_back();
    counts[counts.size() - 2] += counts.back();
    counts.pop_back();
  }
  const auto series = SharedLabels(SeriesOf(names_.plain, point, MetricType::kHistogram));
  if (!AddNative(point, ToCustom(bounds, counts, count, values[from.explicit_bounds_size()]),
                 series)) {
    return false;
  }
  AddExemplars(from.exemplars(), [&](double) { return series; });
  return true;
}

bool MetricVisitor::AddNative(const Point& point, opssight::Histogram histogram,
                              const std::shared_ptr<const Labels>& series) {
  const std::size_t buckets_max =
      std::max(limits_.layout_series_max, options_.exponential_buckets_max);
  if (point.stale) {
    histogram = {.sum = std::bit_cast<double>(kStaleNanBits)};
  } else if (const Status good = CheckHistogram(histogram, buckets_max); !good) {
    Reject(OtlpReject::kBadShape, good.error().message);
    return false;
  }
  out_.histograms.push_back(
      {.series = series, .time_ms = point.time_ms, .histogram = std::move(histogram)});
  beside_rows_ += BytesOf(out_.histograms.back());
  rows_.SeenBeside(point.time_ms);
  return true;
}

void MetricVisitor::Exponential(const wire::otlp::ExponentialHistogramDataPoint& from) {
  if (!TemporalityFits()) return;
  ExponentialHistogram read{.scale = from.scale(),
                            .zero_threshold = from.zero_threshold(),
                            .zero_count = static_cast<double>(from.zero_count()),
                            .count = static_cast<double>(from.count()),
                            .sum = from.has_sum() ? from.sum() : 0};
  if (!ReadBuckets(from.positive(), read.positive) ||
      !ReadBuckets(from.negative(), read.negative) || !(read.zero_threshold >= 0)) {
    return Reject(OtlpReject::kBadShape, "buckets out of range, or a negative zero_threshold");
  }
  if (!FitScale(read, options_.exponential_buckets_max)) {
    return Reject(OtlpReject::kExponential,
                  fmt::format("cannot convert exponential to native histogram. Scale must be >= "
                              "{}, was {}, with at most {} buckets",
                              kHistogramSchemaMin, from.scale(), options_.exponential_buckets_max));
  }
  const auto point = ReadPoint(from, 1 + read.buckets() / 8, {});
  if (!point) return;
  if (head_.temporality == kDelta && !point->stale) {
    const auto sum =
        deltas_.Add(DeltaOf(*point, 0), std::move(read), options_.exponential_buckets_max, now_ms_);
    if (!sum) return RejectDelta(sum.error());
    read = **sum;
  }
  const auto series = SharedLabels(SeriesOf(names_.plain, *point, MetricType::kHistogram));
  if (!AddNative(*point, ToNative(read), series)) return;
  AddExemplars(from.exemplars(), [&](double) { return series; });
  ++out_.outcome.accepted;
}

void MetricVisitor::Summary(const wire::otlp::SummaryDataPoint& from) {
  const auto point =
      ReadPoint(from, static_cast<std::size_t>(from.quantile_values_size()) + 2, "quantile");
  if (!point) return;
  for (const auto& one : from.quantile_values()) {
    Add(SeriesOf(names_.plain, *point, MetricType::kSummary, "quantile",
                 FormatFixed(one.quantile())),
        *point, one.value());
  }
  Add(SeriesOf(names_.sum, *point, MetricType::kSummary), *point, from.sum());
  Add(SeriesOf(names_.count, *point, MetricType::kSummary), *point,
      static_cast<double>(from.count()));
  ++out_.outcome.accepted;
}

}  // namespace opssight::otlp
