#include "common/http/http_metrics.h"

#include <utility>

namespace opssight {

void AddHttpMetrics(Registry& registry, const HttpMetrics& metrics) {
  registry.Add("opssight_http_requests_total", "Requests taken.", metrics.requests);
  constexpr const char* kRefused = "Requests and connections refused, by reason.";
  const std::pair<const char*, const Counter&> refused[] = {
      {"bad_request", metrics.bad_requests},
      {"too_large", metrics.too_large},
      {"unsupported_coding", metrics.unsupported_codings},
      {"timeout", metrics.timeouts},
      {"busy", metrics.busy},
      {"connections", metrics.refused_connections},
      {"slow_reader", metrics.slow_readers},
      {"unanswered", metrics.unanswered},
  };
  for (const auto& [reason, counter] : refused) {
    registry.Add("opssight_http_refused_total", kRefused, counter, {{"reason", reason}});
  }
  registry.Add("opssight_http_cancelled_total", "Requests whose client left.", metrics.cancelled);
  registry.Add("opssight_http_connections", "Connections now.", metrics.connections);
  registry.Add("opssight_http_requests_in_flight", "Requests not yet answered.",
               metrics.requests_in_flight);
  registry.Add("opssight_http_bodies_bytes", "Bytes of their bodies.", metrics.bodies_bytes);
}

}  // namespace opssight
