// What both OTLP fuzz targets check: the first byte picks the signal, the rest is
// decoded with small limits, and what comes out keeps the model's promises.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/codec/otlp/answer.h"
#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/otlp.h"

namespace opssight {

inline constexpr std::int64_t kFuzzNowNs = 1'700'000'000'000'000'000;

inline void Check(bool ok) {
  if (!ok) std::abort();
}

inline OtlpLimits FuzzLimits() {
  OtlpLimits limits;
  limits.items_max = 1000;
  limits.item_bytes_max = 64UL << 10;
  limits.decoded_bytes_max = 1UL << 20;
  limits.attributes_max = 16;
  limits.links_max = 8;
  limits.value_bytes_max = 100;
  limits.label_value_bytes_max = 50;
  limits.line_bytes_max = 200;
  limits.value_depth_max = 4;
  limits.layout_series_max = 7;
  return limits;
}

inline void CheckMetrics(std::string_view bytes, OtlpEncoding encoding) {
  OtlpMetricsOptions options;
  options.limits = FuzzLimits();
  options.delta = {.series_max = 10, .values_max = 50, .expiry_ms = 1000};
  options.cached_series_max = 20;
  options.metadata_max = 5;
  options.exponential_buckets_max = 40;
  options.translation.histograms_to_nhcb = bytes.size() % 2 == 0;
  OtlpMetricsDecoder decoder(options);
  // Twice: the second time layouts are found and deltas repeat.
  for (int round = 0; round < 2; ++round) {
    const auto metrics = decoder.Decode(bytes, encoding, 1'767'225'600'000);
    if (!metrics) return;
    for (const MetricRow& row : metrics->rows) {
      Check(row.values.size() == row.layout->series().size());
      Check(!row.values.empty() && row.values.size() <= 7);
      for (const LayoutSeries& series : row.layout->series()) {
        Check(!series.labels.Get(kMetricName).empty() && series.labels.size() <= 64);
      }
    }
    for (const HistogramRow& row : metrics->histograms) {
      Check(!row.series->Get(kMetricName).empty());
      const bool stale = std::bit_cast<std::uint64_t>(row.histogram.sum) == kStaleNanBits;
      Check(stale || CheckHistogram(row.histogram, 100).has_value());
    }
    for (const Exemplar& one : metrics->exemplars) Check(one.series != nullptr);
    Check(decoder.deltas().series() <= 10);
    (void)EncodeOtlpAnswer(Signal::kMetrics, encoding, metrics->outcome);
  }
}

inline void CheckLogs(std::string_view bytes, OtlpEncoding encoding) {
  const auto logs = DecodeOtlpLogs(bytes, encoding, FuzzLimits(), {{"host", "h"}}, kFuzzNowNs);
  if (!logs) return;
  std::uint64_t lines = 0;
  for (const LogRows& rows : logs->rows) {
    std::uint32_t end = 0;
    for (const LogRows::Row& row : rows.rows) {
      Check(row.end >= end && row.time_ns >= 0);
      end = row.end;
    }
    Check(end == rows.text.size());
    std::uint32_t at = 0;
    for (const LogRows::Metadata& one : rows.metadata) {
      Check(one.row >= at && one.row < rows.rows.size());
      at = one.row;
    }
    Check(!rows.stream->Get("service_name").empty() && rows.stream->Get("host") == "h");
    lines += rows.rows.size();
  }
  Check(lines == logs->outcome.accepted);
  (void)EncodeOtlpAnswer(Signal::kLogs, encoding, logs->outcome);
}

inline void CheckTraces(std::string_view bytes, OtlpEncoding encoding) {
  const auto traces = DecodeOtlpTraces(bytes, encoding, FuzzLimits(), kFuzzNowNs);
  if (!traces) return;
  for (const Span& span : traces->spans) {
    Check(span.resource != nullptr && span.scope != nullptr);
    Check(span.trace_id != TraceId{} && span.span_id != SpanId{});
    Check(span.start_ns > 0 && span.end_ns > 0);
    Check(span.attributes.size() <= 16 && span.events.size() <= 8 && span.links.size() <= 8);
  }
  Check(traces->spans.size() == traces->outcome.accepted);
  (void)EncodeOtlpAnswer(Signal::kSpans, encoding, traces->outcome);
}

inline void FuzzOtlp(const std::uint8_t* data, std::size_t size, OtlpEncoding encoding) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 0:
      return CheckMetrics(bytes, encoding);
    case 1:
      return CheckLogs(bytes, encoding);
    default:
      return CheckTraces(bytes, encoding);
  }
}

}  // namespace opssight
