// Prometheus' HTTP API, but for what writes: /api/v1/…, /federate and /version. Routes to the
// endpoints (prom_endpoints.h), with the methods each takes and CORS headers.
// https://prometheus.io/docs/prometheus/latest/querying/api/
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "aggregator/api/options.h"
#include "aggregator/api/prom_call.h"
#include "aggregator/promql/engine/engine.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

class PrometheusApi {
 public:
  // All outlive it.
  PrometheusApi(const PrometheusSources& sources, const ApiOptions& options, const Clock& clock);

  // Whether path is one of its. Any thread.
  static bool Serves(std::string_view path);
  HttpResponse Handle(const HttpRequest& request, const QueryLimits& limits,
                      const std::function<bool()>& timed_out) const;

 private:
  HttpResponse Answer(const HttpRequest& request, const QueryLimits& limits,
                      const std::function<bool()>& timed_out) const;
  void AddCors(const HttpRequest& request, HttpResponse& response) const;

  const ApiOptions& options_;
  const promql::Engine engine_;
  const PromContext context_;
  const std::optional<Matcher> origins_;  // Nothing: any.
};

}  // namespace opssight
