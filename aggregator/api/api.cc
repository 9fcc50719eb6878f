#include "aggregator/api/api.h"

#include <string>
#include <string_view>

#include "aggregator/api/answer.h"
#include "aggregator/api/gaps.h"
#include "aggregator/api/jaeger.h"
#include "aggregator/api/remote_read.h"

namespace opssight {
namespace {

constexpr std::string_view kLoki = "/loki/api/v1/";
constexpr std::string_view kJaeger = "/api/traces/";
constexpr std::string_view kRead = "/api/v1/read";
constexpr std::string_view kGaps = "/api/v1/monitoring/gaps";

// The rest of path after prefix; nothing where it does not start so.
std::optional<std::string_view> After(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

}  // namespace

Api::Api(ApiSources sources, ApiOptions options, const Clock& clock)
    : sources_(sources),
      options_(std::move(options)),
      clock_(clock),
      prometheus_(sources_.prometheus, options_, clock_),
      loki_(sources_.lines, options_, clock_) {}

bool Api::Serves(std::string_view path) {
  return PrometheusApi::Serves(path) || After(path, kLoki) || After(path, kJaeger);
}

std::optional<HttpResponse> Api::Handle(const HttpRequest& request,
                                        const std::function<bool()>& cancelled,
                                        const std::function<bool()>& timed_out) const {
  QueryLimits limits = options_.limits;
  limits.cancelled = cancelled;
  if (request.path == kRead) {
    return AnswerRemoteRead(request, sources_.prometheus.series, {}, limits);
  }
  if (PrometheusApi::Serves(request.path) && request.path != kGaps) {
    return prometheus_.Handle(request, limits, timed_out);
  }
  const auto loki = After(request.path, kLoki);
  const auto trace = After(request.path, kJaeger);
  if (request.path != kGaps && !loki && !trace) return std::nullopt;
  if (request.method != "GET" && request.method != "POST" && request.method != "HEAD") {
    HttpResponse response = TextResponse(405, "method not allowed");
    response.headers.emplace_back("allow", "GET, POST");
    return response;
  }
  if (loki) return loki_.Handle(request, *loki, limits);
  if (trace) return AnswerJaegerTrace(*trace, sources_.spans, limits);
  return AnswerGaps(request, sources_.gaps, clock_);
}

}  // namespace opssight
