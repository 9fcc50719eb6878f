// OTLP metrics to metric rows, under Prometheus' names (README.md). Unlike traces
// and logs this remembers: layouts, so that a row costs no labels, and the sums of
// delta series. One decoder for each receiver; not thread-safe. The time comes in.
//
//   OtlpMetricsDecoder decoder(options);
//   OPS_TRY(OtlpMetrics metrics, decoder.Decode(body, encoding, now_ms));
//   for (MetricRow& row : metrics.rows) sink.AcceptMetrics(std::move(row));
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/codec/otlp/delta.h"
#include "common/codec/otlp/otlp.h"
#include "common/model/record.h"

namespace opssight {

struct OtlpMetricsOptions {
  OtlpLimits limits;
  DeltaOptions delta;
  std::vector<Label> labels;  // On every series that has none of that name: host, cluster, …
  // Resource attributes that become labels of every series, not only of target_info.
  std::vector<std::string> promote;
  // Points of one resource within this of each other share a row, hence a time.
  std::int64_t align_ms = 10;
  std::size_t cached_series_max = 50'000;  // Of all layouts that are remembered.
};

struct OtlpMetrics {
  std::vector<MetricRow> rows;
  OtlpOutcome outcome;
};

class OtlpMetricsDecoder {
 public:
  explicit OtlpMetricsDecoder(OtlpMetricsOptions options);
  ~OtlpMetricsDecoder();
  OtlpMetricsDecoder(const OtlpMetricsDecoder&) = delete;
  OtlpMetricsDecoder& operator=(const OtlpMetricsDecoder&) = delete;

  Result<OtlpMetrics> Decode(std::string_view bytes, OtlpEncoding encoding, std::int64_t now_ms);

  const DeltaAccumulator& deltas() const { return deltas_; }
  std::size_t cached_series() const;

 private:
  const OtlpMetricsOptions options_;
  DeltaAccumulator deltas_;
  struct Cache;
  const std::unique_ptr<Cache> cache_;
};

}  // namespace opssight
