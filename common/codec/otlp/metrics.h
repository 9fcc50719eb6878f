// OTLP metrics to metric rows, native histograms, exemplars and metadata, under Prometheus'
// names (README.md). Unlike traces and logs this remembers: layouts, so that a row costs no
// labels, the sums of delta series, and what metadata was told. One decoder for each
// receiver; not thread-safe. The time comes in.
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
#include "common/codec/otlp/translation.h"
#include "common/model/record.h"

namespace opssight {

struct OtlpMetricsOptions {
  OtlpLimits limits;
  DeltaOptions delta;
  OtlpTranslation translation;
  std::vector<Label> labels;  // On every series that has none of that name: host, cluster, …
  // Points of one resource within this of each other share a row, hence a time.
  std::int64_t align_ms = 10;
  std::int64_t future_ms = 600'000;           // Points further ahead of our clock are rejected.
  std::size_t cached_series_max = 50'000;     // Of all layouts that are remembered.
  std::size_t metadata_max = 20'000;          // Families whose metadata is remembered as told.
  std::size_t exponential_buckets_max = 320;  // More are joined, two and two.
  std::size_t exemplar_runes_max = 128;       // Of an exemplar's labels; the attributes go first.
};

struct OtlpMetrics {
  std::vector<MetricRow> rows;
  std::vector<HistogramRow> histograms;
  std::vector<Exemplar> exemplars;
  std::vector<MetricMetadata> metadata;  // Of families not told today.
  OtlpOutcome outcome;
};

class OtlpMetricsDecoder {
 public:
  explicit OtlpMetricsDecoder(OtlpMetricsOptions options);
  ~OtlpMetricsDecoder();
  OtlpMetricsDecoder(const OtlpMetricsDecoder&) = delete;
  OtlpMetricsDecoder& operator=(const OtlpMetricsDecoder&) = delete;

  Result<OtlpMetrics> Decode(std::string_view bytes, OtlpEncoding encoding, std::int64_t now_ms);
  // What was decoded did not reach the disk: metadata is to be told again.
  void NotStored();

  const DeltaAccumulator& deltas() const { return deltas_; }
  std::size_t cached_series() const;

 private:
  const OtlpMetricsOptions options_;
  DeltaAccumulator deltas_;
  struct Cache;
  const std::unique_ptr<Cache> cache_;
};

}  // namespace opssight
