// The part of Loki's HTTP API that is served, over a stream selector with |= and !=
// filters: query_range, labels, label/<name>/values.
// https://grafana.com/docs/loki/latest/reference/loki-http-api/
#pragma once

#include <string_view>

#include "aggregator/api/options.h"
#include "aggregator/query/source.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

class LokiApi {
 public:
  LokiApi(const LineSource& lines, const ApiOptions& options, const Clock& clock)
      : lines_(lines), options_(options), clock_(clock) {}

  // route: the path after "/loki/api/v1/".
  HttpResponse Handle(const HttpRequest& request, std::string_view route,
                      const QueryLimits& limits) const;

 private:
  Result<HttpResponse> Answer(const HttpRequest& request, std::string_view route,
                              const QueryLimits& limits) const;
  Result<HttpResponse> LogLines(const HttpRequest& request, const QueryLimits& limits) const;
  Result<LineQuery> ReadLineQuery(const HttpRequest& request) const;

  const LineSource& lines_;
  const ApiOptions& options_;
  const Clock& clock_;
};

}  // namespace opssight
