#include "common/model/record.h"

#include <fmt/format.h>

#include "common/text/base64.h"
#include "common/text/number.h"

namespace opssight {
namespace {

LayoutId IdOf(const std::vector<LayoutSeries>& series) {
  std::string key;
  for (const LayoutSeries& one : series) {
    for (const Label& label : one.labels) AppendLabelKey(label.name, label.value, key);
    key.push_back('\xfe');
    key.push_back(static_cast<char>(one.type));
  }
  return HashOf128(key);
}

}  // namespace

Layout::Layout(std::vector<LayoutSeries> series) : series_(std::move(series)), id_(IdOf(series_)) {}

std::string Value::ToString() const {
  switch (type) {
    case ValueType::kString:
    case ValueType::kJson:
      return text;
    case ValueType::kBool:
      return integer != 0 ? "true" : "false";
    case ValueType::kInt:
      return std::to_string(integer);
    case ValueType::kDouble:
      return FormatDouble(real);
    case ValueType::kBytes:
      return Base64(text);
  }
  return {};
}

std::string_view ToString(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kInfo:
      return "info";
    case MetricType::kUnknown:
      break;
  }
  return "unknown";
}

std::string_view ToString(Signal signal) {
  switch (signal) {
    case Signal::kMetrics:
      return "metrics";
    case Signal::kLogs:
      return "logs";
    case Signal::kSpans:
      return "spans";
  }
  return "unknown";
}

}  // namespace opssight
