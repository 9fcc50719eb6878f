// Api answers the HTTP API of the peers from the store's sources: Prometheus
// (/api/v1, /federate), Loki (/loki/api/v1), Jaeger (/api/traces/{id}), and stored gaps.
// Pure and synchronous: no socket, no thread; Handle() is safe on any thread as the
// sources are. What is asked of Loki beyond plain selectors is a 400 that says so.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "aggregator/api/loki.h"
#include "aggregator/api/options.h"
#include "aggregator/api/prometheus.h"
#include "aggregator/query/source.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

// Not owned; outlive the Api.
struct ApiSources {
  PrometheusSources prometheus;
  const LineSource& lines;
  const SpanSource& spans;
  const GapSource& gaps;
};

class Api {
 public:
  Api(ApiSources sources, ApiOptions options, const Clock& clock);
  Api(const Api&) = delete;  // Its parts refer to its options.
  Api& operator=(const Api&) = delete;

  // Whether path is one of these APIs'.
  static bool Serves(std::string_view path);
  // cancelled: asked now and then; true stops the query, as out of time where timed_out
  // then says so too. Nothing where the path is not one of these APIs'.
  std::optional<HttpResponse> Handle(const HttpRequest& request,
                                     const std::function<bool()>& cancelled = {},
                                     const std::function<bool()>& timed_out = {}) const;

 private:
  const ApiSources sources_;
  const ApiOptions options_;
  const Clock& clock_;
  const PrometheusApi prometheus_;
  const LokiApi loki_;
};

}  // namespace opssight
