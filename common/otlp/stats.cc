#include "common/otlp/stats.h"

#include <string>
#include <string_view>

#include "common/selfmon/registry.h"

namespace opssight {

void OtlpStats::Count(Signal signal, const OtlpOutcome& outcome) {
  const auto i = static_cast<std::size_t>(signal);
  accepted[i].Add(outcome.accepted);
  for (std::size_t why = 0; why < kOtlpRejects; ++why) {
    if (outcome.rejected_by[why] != 0) rejected[i][why].Add(outcome.rejected_by[why]);
  }
  attributes_dropped[i].Add(outcome.attributes_dropped);
  values_cut[i].Add(outcome.values_cut);
  exemplars_dropped.Add(outcome.exemplars_dropped);
  duplicate_samples.Add(outcome.duplicates);
}

void OtlpStats::AddTo(Registry& registry) const {
  constexpr std::array<std::string_view, kResults> kResultNames = {
      "ok", "partial", "invalid", "too_large", "unavailable", "other"};
  for (std::size_t i = 0; i < kOtlpSignals; ++i) {
    const std::string signal(ToString(static_cast<Signal>(i)));
    for (std::size_t j = 0; j < kOtlpTransports; ++j) {
      for (std::size_t k = 0; k < kResults; ++k) {
        registry.Add("opssight_otlp_requests_total", "OTLP requests answered.", requests[i][j][k],
                     {{"signal", signal},
                      {"transport", std::string(ToString(static_cast<OtlpTransport>(j)))},
                      {"result", std::string(kResultNames[k])}});
      }
    }
    registry.Add("opssight_otlp_received_bytes_total", "Bytes of OTLP request bodies, decoded.",
                 bytes[i], {{"signal", signal}});
    registry.Add("opssight_otlp_accepted_total", "Spans, log records and data points accepted.",
                 accepted[i], {{"signal", signal}});
    for (std::size_t j = 0; j < kOtlpRejects; ++j) {
      registry.Add(
          "opssight_otlp_rejected_total", "Spans, log records and data points rejected.",
          rejected[i][j],
          {{"signal", signal}, {"reason", std::string(ToString(static_cast<OtlpReject>(j)))}});
    }
    registry.Add("opssight_otlp_dropped_attributes_total",
                 "Attributes, events and links above the limits.", attributes_dropped[i],
                 {{"signal", signal}});
    registry.Add("opssight_otlp_cut_values_total", "Values cut at a limit.", values_cut[i],
                 {{"signal", signal}});
  }
  registry.Add("opssight_otlp_dropped_exemplars_total",
               "Exemplars of a request that is above its limit in bytes.", exemplars_dropped);
  registry.Add("opssight_otlp_duplicate_samples_total",
               "Samples of a series that had one at that time.", duplicate_samples);
  registry.Add("opssight_otlp_unrouted_requests_total",
               "Requests of a path, method or content type that is not OTLP's.", unrouted);
  registry.Add("opssight_otlp_repeated_requests_total",
               "Log requests sent again while their records were held to be stored.", repeats);
  registry.Add("opssight_otlp_preflights_total", "CORS preflight requests.", preflights);
  registry.Add("opssight_otlp_pending_requests", "Requests that wait for the disk.", pending);
  registry.Add("opssight_otlp_delta_series", "Series of delta temporality being summed.",
               delta_series);
}

}  // namespace opssight
