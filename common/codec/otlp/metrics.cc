#include "common/codec/otlp/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "common/codec/otlp/names.h"
#include "common/codec/otlp/request.h"
#include "common/codec/otlp/rows.h"
#include "common/codec/otlp/values.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace otlp {
namespace {

using google::protobuf::Message;
using Kind = MetricHead::Kind;

constexpr std::uint32_t kNoRecordedValue = 1;  // DataPoint.flags
constexpr std::int64_t kDelta = 1;
constexpr std::int64_t kCumulative = 2;
constexpr std::int64_t kNsPerMs = 1'000'000;

double StaleNan() {
  return std::bit_cast<double>(kStaleNanBits);
}

struct Target {
  std::string job;
  std::string instance;
};

// A label of the target on each of its series; job and instance before a point's own.
struct TargetLabel {
  Label label;
  bool wins = false;
};

bool ByName(const Label& a, const Label& b) {
  return a.name < b.name;
}

// Of one name, which stand together, the values joined with ';'.
void Join(std::vector<Label>& sorted) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (kept != 0 && sorted[kept - 1].name == sorted[i].name) {
      sorted[kept - 1].value.append(";").append(sorted[i].value);
    } else {
      if (kept != i) sorted[kept] = std::move(sorted[i]);
      ++kept;
    }
  }
  sorted.resize(kept);
}

class MetricVisitor final : public Visitor {
 public:
  MetricVisitor(const OtlpMetricsOptions& options, DeltaAccumulator& deltas, LayoutCache& cache,
                std::int64_t now_ms, OtlpMetrics& out)
      : options_(options),
        limits_(options.limits),
        deltas_(deltas),
        now_ms_(now_ms),
        out_(out),
        values_(options.limits, out.outcome),
        rows_(cache, options.limits, options.align_ms) {}

  void OnResource(const Message& message) override;
  void OnScope(const Message& /*scope*/) override {}
  void OnMetric(const MetricHead& head) override;
  void OnItem(Part part, const Message& message) override;
  void Finish();

 private:
  struct Point {  // What all kinds of data point have.
    std::int64_t start_ns = 0;
    std::int64_t time_ns = 0;
    std::int64_t time_ms = 0;
    bool stale = false;
    std::uint32_t base = 0;
  };
  void Reject(OtlpReject why, std::string_view what);
  void UseTargetLabels(std::vector<Label> promoted);
  std::vector<Label> Info(const wire::otlp::Resource& from) const;
  // The labels of a point; none where one has no name or there are too many.
  std::optional<std::vector<Label>> LabelsOf(const KeyValues& attributes,
                                             std::string_view reserved);
  template <class T>
  std::optional<Point> ReadPoint(const T& from, std::size_t series, std::string_view reserved);

  void Number(const wire::otlp::NumberDataPoint& from);
  void Histogram(const wire::otlp::HistogramDataPoint& from);
  void Summary(const wire::otlp::SummaryDataPoint& from);
  void AddHistogram(const wire::otlp::HistogramDataPoint& from, const Point& point,
                    std::span<const double> values);
  bool TemporalityFits();
  // values become the sums where the metric is a delta. False: rejected.
  bool Accumulate(const Point& point, std::uint64_t shape, std::vector<double>& values);
  void Add(std::uint32_t name, const Point& point, MetricType type, double value,
           std::string_view extra_name = {}, std::string extra_value = {}) {
    rows_.Add({.name = name,
               .base = point.base,
               .extra_name = extra_name,
               .extra_value = std::move(extra_value),
               .type = type},
              point.time_ms, point.stale ? StaleNan() : value);
  }

  const OtlpMetricsOptions& options_;
  const OtlpLimits& limits_;
  DeltaAccumulator& deltas_;
  const std::int64_t now_ms_;
  OtlpMetrics& out_;
  const ValueReader values_;
  RowBuilder rows_;
  Target target_;
  std::vector<TargetLabel> target_labels_;  // By name, each once.
  std::vector<const wire::otlp::KeyValue*> by_key_;
  MetricHead head_;
  bool named_ = false;
  struct Names {
    std::uint32_t plain = 0;
    std::uint32_t bucket = 0;
    std::uint32_t sum = 0;
    std::uint32_t count = 0;
  } names_;
};

void MetricVisitor::Reject(OtlpReject why, std::string_view what) {
  if (!out_.outcome.first_reject.empty()) return out_.outcome.Reject(why, {});
  std::uint64_t cut = 0;
  out_.outcome.Reject(why, fmt::format("metric \"{}\": {}", CleanText(head_.name, 128, cut), what));
}

void MetricVisitor::OnResource(const Message& message) {
  const auto& from = static_cast<const wire::otlp::Resource&>(message);
  target_ = {};
  std::string service, service_namespace;
  std::string key;
  std::vector<Label> promoted;
  const int count = values_.Usable(from.attributes());
  for (int i = 0; i < count; ++i) {
    const auto& attribute = from.attributes(i);
    std::string value = values_.ToText(attribute.value(), limits_.label_value_bytes_max);
    AppendLabelKey(attribute.key(), value, key);
    if (std::find(options_.promote.begin(), options_.promote.end(), attribute.key()) !=
        options_.promote.end()) {
      if (auto name = LabelName(attribute.key()); name && !value.empty()) {
        promoted.push_back({.name = *std::move(name), .value = value});
      }
    }
    if (attribute.key() == "service.name")
      service = std::move(value);
    else if (attribute.key() == "service.namespace")
      service_namespace = std::move(value);
    else if (attribute.key() == "service.instance.id")
      target_.instance = std::move(value);
  }
  if (!service.empty()) {
    target_.job = service_namespace.empty() ? service : service_namespace + "/" + service;
  }
  UseTargetLabels(std::move(promoted));
  rows_.Resource(std::move(key), Info(from));
}

// job and instance, then promoted attributes, then the options' labels; the first stays.
void MetricVisitor::UseTargetLabels(std::vector<Label> promoted) {
  target_labels_.clear();
  if (!target_.job.empty()) {
    target_labels_.push_back({.label = {.name = "job", .value = target_.job}, .wins = true});
  }
  if (!target_.instance.empty()) {
    target_labels_.push_back(
        {.label = {.name = "instance", .value = target_.instance}, .wins = true});
  }
  for (Label& label : promoted) target_labels_.push_back({.label = std::move(label)});
  for (const Label& label : options_.labels) target_labels_.push_back({.label = label});
  std::stable_sort(
      target_labels_.begin(), target_labels_.end(),
      [](const TargetLabel& a, const TargetLabel& b) { return ByName(a.label, b.label); });
  target_labels_.erase(std::unique(target_labels_.begin(), target_labels_.end(),
                                   [](const TargetLabel& a, const TargetLabel& b) {
                                     return a.label.name == b.label.name;
                                   }),
                       target_labels_.end());
}

// target_info says what the resource is, once a row; only where a query can join it.
std::vector<Label> MetricVisitor::Info(const wire::otlp::Resource& from) const {
  std::map<std::string, std::string> labels;
  if (target_.job.empty() && target_.instance.empty()) return {};
  const int count = std::min(from.attributes_size(), static_cast<int>(limits_.attributes_max));
  for (int i = 0; i < count; ++i) {
    const std::string& key = from.attributes(i).key();
    if (key == "service.name" || key == "service.namespace" || key == "service.instance.id") {
      continue;
    }
    const auto name = LabelName(values_.Key(key));
    if (!name || *name == kMetricName) continue;
    std::string value = values_.ToText(from.attributes(i).value(), limits_.label_value_bytes_max);
    if (value.empty()) continue;
    if (labels.size() + options_.labels.size() + 3 >= limits_.labels_max &&
        !labels.contains(*name)) {
      ++out_.outcome.attributes_dropped;
      continue;
    }
    const auto [at, fresh] = labels.emplace(*name, value);
    if (!fresh) at->second += ";" + value;
  }
  if (labels.empty()) return {};
  for (const Label& label : options_.labels) labels.emplace(label.name, label.value);
  if (!target_.job.empty()) labels["job"] = target_.job;
  if (!target_.instance.empty()) labels["instance"] = target_.instance;
  std::vector<Label> out;
  for (auto& [name, value] : labels) out.push_back({name, value});
  return out;
}

void MetricVisitor::OnMetric(const MetricHead& head) {
  head_ = head;
  const bool sum = head.kind == Kind::kSum && head.monotonic;
  std::uint64_t cut = 0;
  const auto name =
      MetricName(CleanText(head.name, limits_.key_bytes_max, cut),
                 CleanText(head.unit, limits_.key_bytes_max, cut), sum, head.kind == Kind::kGauge);
  out_.outcome.values_cut += cut;
  named_ = name.has_value();
  if (!named_) return;
  names_.plain = rows_.Name(*name);
  if (head.kind != Kind::kHistogram && head.kind != Kind::kSummary) return;
  names_.bucket = rows_.Name(*name + "_bucket");
  names_.sum = rows_.Name(*name + "_sum");
  names_.count = rows_.Name(*name + "_count");
}

std::optional<std::vector<Label>> MetricVisitor::LabelsOf(const KeyValues& attributes,
                                                          std::string_view reserved) {
  // By key first: of two keys that become one name the values stand in key order.
  const int count = values_.Usable(attributes);
  by_key_.assign(attributes.pointer_begin(), attributes.pointer_begin() + count);
  std::stable_sort(by_key_.begin(), by_key_.end(),
                   [](const auto* a, const auto* b) { return a->key() < b->key(); });
  std::vector<Label> labels;
  labels.reserve(by_key_.size() + target_labels_.size());
  for (std::size_t i = 0; i < by_key_.size(); ++i) {
    // Of one key the last stays.
    if (i + 1 < by_key_.size() && by_key_[i]->key() == by_key_[i + 1]->key()) continue;
    auto name = LabelName(values_.Key(by_key_[i]->key()));
    if (!name) return std::nullopt;
    std::string text = values_.ToText(by_key_[i]->value(), limits_.label_value_bytes_max);
    if (text.empty() || *name == kMetricName || *name == reserved) continue;
    labels.push_back({.name = *std::move(name), .value = std::move(text)});
  }
  std::stable_sort(labels.begin(), labels.end(), ByName);
  Join(labels);
  const auto own = static_cast<std::ptrdiff_t>(labels.size());
  for (const TargetLabel& given : target_labels_) {
    const auto end = labels.begin() + own;
    const auto at = std::lower_bound(labels.begin(), end, given.label, ByName);
    if (at == end || at->name != given.label.name) {
      labels.push_back(given.label);
    } else if (given.wins) {
      at->value = given.label.value;
    }
  }
  std::inplace_merge(labels.begin(), labels.begin() + own, labels.end(), ByName);
  return labels;
}

template <class T>
std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(const T& from, std::size_t series,
                                                             std::string_view reserved) {
  Point point;
  if (from.time_unix_nano() == 0 || from.time_unix_nano() > INT64_MAX) {
    Reject(OtlpReject::kBadTime, "a data point without a time, or with one out of range");
    return std::nullopt;
  }
  point.time_ns = static_cast<std::int64_t>(from.time_unix_nano());
  point.start_ns =
      static_cast<std::int64_t>(std::min<std::uint64_t>(from.start_time_unix_nano(), INT64_MAX));
  point.time_ms = point.time_ns / kNsPerMs;
  point.stale = (from.flags() & kNoRecordedValue) != 0;
  if (rows_.bytes() > limits_.decoded_bytes_max) {
    Reject(OtlpReject::kTooMany, "the request is above decoded_bytes_max");
    return std::nullopt;
  }
  auto labels = LabelsOf(from.attributes(), reserved);
  if (!labels) {
    Reject(OtlpReject::kBadName, "an attribute key with no character that a label name may have");
    return std::nullopt;
  }
  if (labels->size() + 2 > limits_.labels_max) {
    Reject(OtlpReject::kTooManyLabels, fmt::format("more than {} labels", limits_.labels_max));
    return std::nullopt;
  }
  point.base = rows_.Base(*std::move(labels));
  if (rows_.bytes() + rows_.BytesFor(point.base, series) > limits_.decoded_bytes_max) {
    Reject(OtlpReject::kTooMany,
           "a data point that would take the request above decoded_bytes_max");
    return std::nullopt;
  }
  return point;
}

void MetricVisitor::OnItem(Part part, const Message& message) {
  if (!named_) return Reject(OtlpReject::kBadName, "no character that a metric name may have");
  switch (part) {
    case Part::kNumber:
      return Number(static_cast<const wire::otlp::NumberDataPoint&>(message));
    case Part::kHistogram:
      return Histogram(static_cast<const wire::otlp::HistogramDataPoint&>(message));
    case Part::kSummary:
      return Summary(static_cast<const wire::otlp::SummaryDataPoint&>(message));
    default:
      return Reject(OtlpReject::kExponential,
                    "exponential histograms are not stored yet; configure explicit buckets");
  }
}

bool MetricVisitor::TemporalityFits() {
  if (head_.temporality == kDelta || head_.temporality == kCumulative) return true;
  Reject(OtlpReject::kTemporality, "aggregation_temporality is neither delta nor cumulative");
  return false;
}

bool MetricVisitor::Accumulate(const Point& point, std::uint64_t shape,
                               std::vector<double>& values) {
  if (head_.temporality != kDelta || point.stale) return true;
  auto sums = deltas_.Add({.series = rows_.Identity(names_.plain, point.base),
                           .shape = shape,
                           .start_ns = point.start_ns,
                           .time_ns = point.time_ns},
                          values, now_ms_);
  if (!sums) {
    Reject(sums.error().code == ErrorCode::kInvalid ? OtlpReject::kOutOfOrder
                                                    : OtlpReject::kTemporality,
           sums.error().message);
    return false;
  }
  values.assign(sums->begin(), sums->end());
  return true;
}

void MetricVisitor::Number(const wire::otlp::NumberDataPoint& from) {
  using wire::otlp::NumberDataPoint;
  const bool sum = head_.kind == Kind::kSum;
  if (sum && !TemporalityFits()) return;
  const bool stale = (from.flags() & kNoRecordedValue) != 0;
  if (from.value_case() == NumberDataPoint::VALUE_NOT_SET && !stale) {
    return Reject(OtlpReject::kNoValue, "a data point without a value");
  }
  const auto point = ReadPoint(from, 1, {});
  if (!point) return;
  std::vector<double> value = {from.value_case() == NumberDataPoint::kAsInt
                                   ? static_cast<double>(from.as_int())
                                   : from.as_double()};
  if (sum && !Accumulate(*point, 0, value)) return;
  Add(names_.plain, *point, sum && head_.monotonic ? MetricType::kCounter : MetricType::kGauge,
      value[0]);
  ++out_.outcome.accepted;
}

void MetricVisitor::Histogram(const wire::otlp::HistogramDataPoint& from) {
  if (!TemporalityFits()) return;
  const auto& bounds = from.explicit_bounds();
  const auto& counts = from.bucket_counts();
  const bool none = counts.empty() && bounds.empty();
  if (!none && counts.size() != bounds.size() + 1) {
    return Reject(OtlpReject::kBadShape,
                  fmt::format("{} bucket counts for {} bounds", counts.size(), bounds.size()));
  }
  const auto ascends = [](double a, double b) { return !(a < b); };
  if (std::adjacent_find(bounds.begin(), bounds.end(), ascends) != bounds.end() ||
      std::any_of(bounds.begin(), bounds.end(), [](double bound) { return std::isnan(bound); })) {
    return Reject(OtlpReject::kBadShape, "bounds that do not ascend");
  }
  const auto point = ReadPoint(from, static_cast<std::size_t>(bounds.size()) + 3, "le");
  if (!point) return;
  std::vector<double> values;  // Buckets cumulated, sum, count.
  double below = 0;
  for (int i = 0; i < bounds.size(); ++i) {
    below += static_cast<double>(counts.Get(i));
    values.push_back(below);
  }
  values.push_back(from.sum());
  values.push_back(static_cast<double>(from.count()));
  const std::string_view shape(reinterpret_cast<const char*>(bounds.data()),
                               static_cast<std::size_t>(bounds.size()) * sizeof(double));
  if (!Accumulate(*point, Hash64(shape), values)) return;
  AddHistogram(from, *point, values);
  ++out_.outcome.accepted;
}

void MetricVisitor::AddHistogram(const wire::otlp::HistogramDataPoint& from, const Point& point,
                                 std::span<const double> values) {
  const auto bounds = static_cast<std::size_t>(from.explicit_bounds_size());
  for (std::size_t i = 0; i < bounds; ++i) {
    const double bound = from.explicit_bounds(static_cast<int>(i));
    if (std::isinf(bound) && bound > 0) continue;  // The one that comes below.
    Add(names_.bucket, point, MetricType::kHistogram, values[i], "le", FormatFixed(bound));
  }
  Add(names_.bucket, point, MetricType::kHistogram, values[bounds + 1], "le", "+Inf");
  if (from.has_sum()) Add(names_.sum, point, MetricType::kHistogram, values[bounds]);
  Add(names_.count, point, MetricType::kHistogram, values[bounds + 1]);
}

void MetricVisitor::Summary(const wire::otlp::SummaryDataPoint& from) {
  const auto point =
      ReadPoint(from, static_cast<std::size_t>(from.quantile_values_size()) + 2, "quantile");
  if (!point) return;
  for (const auto& one : from.quantile_values()) {
    Add(names_.plain, *point, MetricType::kSummary, one.value(), "quantile",
        FormatFixed(one.quantile()));
  }
  Add(names_.sum, *point, MetricType::kSummary, from.sum());
  Add(names_.count, *point, MetricType::kSummary, static_cast<double>(from.count()));
  ++out_.outcome.accepted;
}

void MetricVisitor::Finish() {
  out_.rows = rows_.Take();
  out_.outcome.duplicates = rows_.duplicates();
}

}  // namespace
}  // namespace otlp

struct OtlpMetricsDecoder::Cache {
  otlp::LayoutCache layouts;
};

OtlpMetricsDecoder::OtlpMetricsDecoder(OtlpMetricsOptions options)
    : options_(std::move(options)),
      deltas_(options_.delta),
      cache_(new Cache{otlp::LayoutCache(options_.cached_series_max)}) {}

OtlpMetricsDecoder::~OtlpMetricsDecoder() = default;

std::size_t OtlpMetricsDecoder::cached_series() const {
  return cache_->layouts.series();
}

Result<OtlpMetrics> OtlpMetricsDecoder::Decode(std::string_view bytes, OtlpEncoding encoding,
                                               std::int64_t now_ms) {
  OtlpMetrics out;
  otlp::MetricVisitor visitor(options_, deltas_, cache_->layouts, now_ms, out);
  OPS_RETURN_IF_ERROR(
      otlp::WalkRequest(Signal::kMetrics, bytes, encoding, options_.limits, out.outcome, visitor));
  visitor.Finish();
  return out;
}

}  // namespace opssight
