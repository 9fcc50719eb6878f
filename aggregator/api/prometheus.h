// The part of Prometheus' HTTP API that is served, over plain selectors: query,
// query_range, series, labels, label/<name>/values.
// https://prometheus.io/docs/prometheus/latest/querying/api/
#pragma once

#include <string_view>
#include <vector>

#include "aggregator/api/options.h"
#include "aggregator/query/source.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

class PrometheusApi {
 public:
  PrometheusApi(const SeriesSource& series, const ApiOptions& options, const Clock& clock)
      : series_(series), options_(options), clock_(clock) {}

  // route: the path after "/api/v1/".
  HttpResponse Handle(const HttpRequest& request, std::string_view route,
                      const QueryLimits& limits) const;

 private:
  Result<HttpResponse> Answer(const HttpRequest& request, std::string_view route,
                              const QueryLimits& limits) const;
  Result<HttpResponse> Query(const HttpRequest& request, const QueryLimits& limits) const;
  Result<HttpResponse> QueryRange(const HttpRequest& request, const QueryLimits& limits) const;
  Status CheckAnswer(const std::vector<Series>& all) const;
  Result<HttpResponse> SeriesOrLabels(const HttpRequest& request, std::string_view route,
                                      const QueryLimits& limits) const;

  const SeriesSource& series_;
  const ApiOptions& options_;
  const Clock& clock_;
};

// An error as Prometheus' API says it.
HttpResponse PrometheusError(const Error& error);

}  // namespace opssight
