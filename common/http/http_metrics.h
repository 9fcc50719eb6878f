// What an HttpServer counts, and its names among the process's own metrics.
#pragma once

#include "common/selfmon/metrics.h"
#include "common/selfmon/registry.h"

namespace opssight {

struct HttpMetrics {
  Counter requests;             // Given to the handler.
  Counter bad_requests;         // 400, 501, 505; h2 errors.
  Counter too_large;            // 413, 431.
  Counter unsupported_codings;  // 415.
  Counter timeouts;             // 408 and its kin of h2.
  Counter busy;                 // 503 by requests_max or bodies_bytes_max.
  Counter refused_connections;  // By connections_max.
  Counter slow_readers;         // Cut off by write_timeout_ms.
  Counter cancelled;            // The client left before its answer.
  Counter unanswered;           // Dropped by the handler: 500.
  Gauge connections;            // Now, as the next two.
  Gauge requests_in_flight;
  Gauge bodies_bytes;
};

// opssight_http_*. metrics outlive the registry.
void AddHttpMetrics(Registry& registry, const HttpMetrics& metrics);

}  // namespace opssight
