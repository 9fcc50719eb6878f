#include "common/codec/otlp/metrics.h"

#include <utility>

#include "common/codec/otlp/metric_visitor.h"

namespace opssight {

struct OtlpMetricsDecoder::Cache {
  otlp::LayoutCache layouts;
  otlp::MetadataTold told;
};

OtlpMetricsDecoder::OtlpMetricsDecoder(OtlpMetricsOptions options)
    : options_(std::move(options)),
      deltas_(options_.delta),
      cache_(new Cache{.layouts = otlp::LayoutCache(options_.cached_series_max),
                       .told = otlp::MetadataTold(options_.metadata_max)}) {}

OtlpMetricsDecoder::~OtlpMetricsDecoder() = default;

std::size_t OtlpMetricsDecoder::cached_series() const {
  return cache_->layouts.series();
}

void OtlpMetricsDecoder::NotStored() {
  cache_->told.Forget();
}

Result<OtlpMetrics> OtlpMetricsDecoder::Decode(std::string_view bytes, OtlpEncoding encoding,
                                               std::int64_t now_ms) {
  OtlpMetrics out;
  otlp::MetricVisitor visitor(options_, deltas_, cache_->layouts, cache_->told, now_ms, out);
  OPS_RETURN_IF_ERROR(
      otlp::WalkRequest(Signal::kMetrics, bytes, encoding, options_.limits, out.outcome, visitor));
  visitor.Finish();
  return out;
}

}  // namespace opssight
