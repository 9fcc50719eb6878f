// What a source hands over and a batch carries: metric rows, log rows, spans,
// gaps. Plain values; who holds one owns it. Times are since 1970-01-01 UTC:
// milliseconds for samples (as in Prometheus), nanoseconds for logs and spans.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes/hash.h"
#include "common/model/histogram.h"
#include "common/model/labels.h"

namespace opssight {

// ---- metrics

// As in the exposition formats; kUnknown where the source does not say.
enum class MetricType : std::uint8_t {
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,  // A classic histogram's _bucket, _sum and _count series.
  kSummary,
  kInfo,
};
std::string_view ToString(MetricType type);  // "counter", …; "unknown".

struct LayoutSeries {
  Labels labels;  // With __name__.
  MetricType type = MetricType::kUnknown;
};

// Names a layout by its content (XXH3-128 of all labels and types in order).
using LayoutId = Hash128;

// The series of one scrape or export, in order: a row is then a time and a
// double for each, and no label is sent or stored twice. Immutable, shared.
class Layout {
 public:
  explicit Layout(std::vector<LayoutSeries> series);
  const LayoutId& id() const { return id_; }
  const std::vector<LayoutSeries>& series() const { return series_; }

 private:
  std::vector<LayoutSeries> series_;
  LayoutId id_;
};

struct MetricRow {
  std::shared_ptr<const Layout> layout;
  std::int64_t time_ms = 0;
  std::vector<double> values;  // One for each series of layout.
};

// Prometheus' stale marker: this NaN ends a series. Other NaNs are values.
inline constexpr std::uint64_t kStaleNanBits = 0x7ff0000000000002ULL;

// A native histogram of one series at one time. A stale marker has that NaN as its sum.
struct HistogramRow {
  std::shared_ptr<const Labels> series;  // With __name__; shared between rows. Never null.
  std::int64_t time_ms = 0;
  Histogram histogram;
};

// One measurement of those that a sample sums up, usually with the trace it was made in.
struct Exemplar {
  std::shared_ptr<const Labels> series;  // Of the sample. Never null.
  std::int64_t time_ms = 0;
  double value = 0;
  std::vector<Label> labels;  // trace_id, span_id, …
};

// What an exposition says of a metric family beside its samples.
struct MetricMetadata {
  std::string name;  // Of the family: without _bucket, _sum, _count; with _total.
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
  bool operator==(const MetricMetadata&) const = default;
};

// ---- logs

// Lines of one stream in the order they came. Lines stand back to back in text;
// row i is text[rows[i-1].end, rows[i].end).
struct LogRows {
  struct Row {
    std::int64_t time_ns = 0;
    std::uint32_t end = 0;
  };
  struct Metadata {  // Structured metadata of one line (Loki's term).
    std::uint32_t row = 0;
    Label label;
  };
  std::shared_ptr<const Labels> stream;
  std::string text;
  std::vector<Row> rows;
  std::vector<Metadata> metadata;  // By row, ascending.

  void Add(std::int64_t time_ns, std::string_view line) {
    text.append(line);
    rows.push_back({.time_ns = time_ns, .end = static_cast<std::uint32_t>(text.size())});
  }
};

// ---- spans

enum class ValueType : std::uint8_t { kString, kBool, kInt, kDouble, kBytes, kJson };

// An attribute's value. kJson is an OTLP array or map as JSON text.
struct Value {
  ValueType type = ValueType::kString;
  std::string text;          // kString, kBytes (raw), kJson.
  std::int64_t integer = 0;  // kInt, and kBool as 0 or 1.
  double real = 0;           // kDouble.
  bool operator==(const Value&) const = default;

  static Value String(std::string text) {
    return {.type = ValueType::kString, .text = std::move(text)};
  }
  static Value Bool(bool value) { return {.type = ValueType::kBool, .text = {}, .integer = value}; }
  static Value Int(std::int64_t value) {
    return {.type = ValueType::kInt, .text = {}, .integer = value};
  }
  static Value Double(double value) {
    return {.type = ValueType::kDouble, .text = {}, .integer = 0, .real = value};
  }
  static Value Bytes(std::string text) {
    return {.type = ValueType::kBytes, .text = std::move(text)};
  }
  static Value Json(std::string text) {
    return {.type = ValueType::kJson, .text = std::move(text)};
  }

  // As a label or a tag shows it: numbers shortest, bytes as base64.
  std::string ToString() const;
};

struct Attribute {
  std::string key;
  Value value;
  bool operator==(const Attribute&) const = default;
};

struct Resource {
  std::vector<Attribute> attributes;
  bool operator==(const Resource&) const = default;
};

struct Scope {
  std::string name;
  std::string version;
  std::vector<Attribute> attributes;
  bool operator==(const Scope&) const = default;
};

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;  // All zero: none.

struct SpanEvent {
  std::int64_t time_ns = 0;
  std::string name;
  std::vector<Attribute> attributes;
};

struct SpanLink {
  TraceId trace_id{};
  SpanId span_id{};
  std::string trace_state;
  std::vector<Attribute> attributes;
};

// An OTLP span (opentelemetry-proto trace.proto); kind and status code are its numbers.
struct Span {
  TraceId trace_id{};
  SpanId span_id{};
  SpanId parent_span_id{};
  std::string name;
  std::string trace_state;
  std::uint8_t kind = 0;         // 0 unspecified 1 internal 2 server 3 client 4 producer 5 consumer
  std::uint8_t status_code = 0;  // 0 unset 1 ok 2 error
  std::uint32_t flags = 0;
  std::string status_message;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::vector<Attribute> attributes;
  std::vector<SpanEvent> events;
  std::vector<SpanLink> links;
  std::shared_ptr<const Resource> resource;  // Never null in a batch.
  std::shared_ptr<const Scope> scope;        // Never null in a batch.
};

// ---- gaps

enum class Signal : std::uint8_t { kMetrics, kLogs, kSpans };
std::string_view ToString(Signal signal);

// What could not be kept, said instead of lost in silence.
struct Gap {
  Signal signal = Signal::kLogs;
  std::string stream;        // A log stream's labels, a layout's job/instance, a service's name.
  std::int64_t from_ns = 0;  // Times of the first and last record lost.
  std::int64_t to_ns = 0;
  std::uint64_t count = 0;  // Lines, rows or spans.
  std::string reason;       // "spool full", "file deleted before it was read", …
  bool operator==(const Gap&) const = default;
};

}  // namespace opssight
