#include "common/codec/otlp/metric_visitor.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/codec/otlp/names.h"

namespace opssight::otlp {
namespace {

using google::protobuf::Message;
using Kind = MetricHead::Kind;

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::size_t kHelpBytesMax = 4096;

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

MetricType TypeOf(const MetricHead& head) {
  switch (head.kind) {
    case Kind::kSum:
      return head.monotonic ? MetricType::kCounter : MetricType::kGauge;
    case Kind::kHistogram:
    case Kind::kExponential:
      return MetricType::kHistogram;
    case Kind::kSummary:
      return MetricType::kSummary;
    case Kind::kGauge:
      return MetricType::kGauge;
    case Kind::kNone:
      break;
  }
  return MetricType::kUnknown;
}

}  // namespace

bool MetadataTold::Tell(const Hash128& key, std::int64_t day) {
  if (days_.size() >= max_) days_.clear();  // More families than that: they are told again.
  const auto [at, fresh] = days_.try_emplace(key, day);
  if (!fresh && at->second == day) return false;
  at->second = day;
  return true;
}

void MetricVisitor::Reject(OtlpReject why, std::string_view what) {
  if (!out_.outcome.first_reject.empty()) return out_.outcome.Reject(why, {});
  std::uint64_t cut = 0;
  out_.outcome.Reject(why, fmt::format("metric \"{}\": {}", CleanText(head_.name, 128, cut), what));
}

void MetricVisitor::OnResource(const Message& message) {
  const auto& from = static_cast<const wire::otlp::Resource&>(message);
  std::string key;
  target_.Resource(from, key);
  rows_.Resource(std::move(key), target_.Info(from));
}

void MetricVisitor::OnScope(const Message& message) {
  target_.Scope(static_cast<const wire::otlp::InstrumentationScope&>(message));
}

void MetricVisitor::OnMetric(const MetricHead& head) {
  head_ = head;
  const bool sum = head.kind == Kind::kSum && head.monotonic;
  std::uint64_t cut = 0;
  const auto name = MetricName(CleanText(head.name, limits_.key_bytes_max, cut),
                               CleanText(head.unit, limits_.key_bytes_max, cut), sum,
                               head.kind == Kind::kGauge, options_.translation);
  out_.outcome.values_cut += cut;
  named_ = name.has_value();
  if (!named_) return;
  TellMetadata(*name);
  names_.plain = rows_.Name(*name);
  if (head.kind != Kind::kHistogram && head.kind != Kind::kSummary) return;
  names_.bucket = rows_.Name(*name + "_bucket");
  names_.sum = rows_.Name(*name + "_sum");
  names_.count = rows_.Name(*name + "_count");
}

void MetricVisitor::TellMetadata(const std::string& name) {
  if (head_.kind == Kind::kNone) return;
  std::uint64_t cut = 0;
  MetricMetadata metadata{.name = name,
                          .type = TypeOf(head_),
                          .help = CleanText(head_.description, kHelpBytesMax, cut),
                          .unit = UnitName(CleanText(head_.unit, limits_.key_bytes_max, cut))};
  std::string key(1, static_cast<char>(metadata.type));
  AppendLabelKey(metadata.name, metadata.help, key);
  key += metadata.unit;
  if (told_.Tell(HashOf128(key), now_ms_ / kMsPerDay)) {
    out_.metadata.push_back(std::move(metadata));
  }
}

std::optional<std::vector<Label>> MetricVisitor::LabelsOf(const KeyValues& attributes,
                                                          std::string_view reserved) {
  // By key first: of two keys that become one name the values stand in key order.
  const int count = values_.Usable(attributes);
  by_key_.assign(attributes.pointer_begin(), attributes.pointer_begin() + count);
  std::stable_sort(by_key_.begin(), by_key_.end(),
                   [](const auto* a, const auto* b) { return a->key() < b->key(); });
  std::vector<Label> labels;
  labels.reserve(by_key_.size() + target_.size());
  for (std::size_t i = 0; i < by_key_.size(); ++i) {
    // Of one key the last stays.
    if (i + 1 < by_key_.size() && by_key_[i]->key() == by_key_[i + 1]->key()) continue;
    auto name = LabelName(values_.Key(by_key_[i]->key()), options_.translation);
    if (!name) return std::nullopt;
    std::string text = values_.ToText(by_key_[i]->value(), limits_.label_value_bytes_max);
    if (text.empty() || *name == kMetricName || *name == reserved) continue;
    labels.push_back({.name = *std::move(name), .value = std::move(text)});
  }
  std::stable_sort(labels.begin(), labels.end(), ByName);
  Join(labels);
  target_.AddTo(labels);
  return labels;
}

bool MetricVisitor::TimeFits(std::uint64_t time_ns, Point& point) {
  if (time_ns == 0 || time_ns > INT64_MAX) {
    Reject(OtlpReject::kBadTime, "a data point without a time, or with one out of range");
    return false;
  }
  point.time_ns = static_cast<std::int64_t>(time_ns);
  point.time_ms = point.time_ns / kNsPerMs;
  if (point.time_ms <= now_ms_ + options_.future_ms) return true;
  Reject(OtlpReject::kBadTime, "out of bounds: timestamp is too far in the future");
  return false;
}

template <class T>
std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(const T& from, std::size_t series,
                                                             std::string_view reserved) {
  constexpr std::uint32_t kNoRecordedValue = 1;  // DataPoint.flags
  Point point;
  if (!TimeFits(from.time_unix_nano(), point)) return std::nullopt;
  point.start_ns =
      static_cast<std::int64_t>(std::min<std::uint64_t>(from.start_time_unix_nano(), INT64_MAX));
  point.stale = (from.flags() & kNoRecordedValue) != 0;
  if (bytes() > limits_.decoded_bytes_max) {
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
  if (bytes() + rows_.BytesFor(point.base, series) > limits_.decoded_bytes_max) {
    Reject(OtlpReject::kTooMany,
           "a data point that would take the request above decoded_bytes_max");
    return std::nullopt;
  }
  return point;
}

template std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(
    const wire::otlp::NumberDataPoint&, std::size_t, std::string_view);
template std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(
    const wire::otlp::HistogramDataPoint&, std::size_t, std::string_view);
template std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(
    const wire::otlp::ExponentialHistogramDataPoint&, std::size_t, std::string_view);
template std::optional<MetricVisitor::Point> MetricVisitor::ReadPoint(
    const wire::otlp::SummaryDataPoint&, std::size_t, std::string_view);

void MetricVisitor::OnItem(Part part, const Message& message) {
  if (!named_) return Reject(OtlpReject::kBadName, "no character that a metric name may have");
  switch (part) {
    case Part::kNumber:
      return Number(static_cast<const wire::otlp::NumberDataPoint&>(message));
    case Part::kHistogram:
      return Histogram(static_cast<const wire::otlp::HistogramDataPoint&>(message));
    case Part::kExponential:
      return Exponential(static_cast<const wire::otlp::ExponentialHistogramDataPoint&>(message));
    case Part::kSummary:
      return Summary(static_cast<const wire::otlp::SummaryDataPoint&>(message));
    default:
      return;
  }
}

void MetricVisitor::Finish() {
  out_.rows = rows_.Take();
  out_.outcome.duplicates = rows_.duplicates();
}

}  // namespace opssight::otlp
