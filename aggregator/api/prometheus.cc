#include "aggregator/api/prometheus.h"

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_routes.h"

namespace opssight {
namespace {

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::string_view kFederate = "/federate";
constexpr std::string_view kVersion = "/version";
constexpr std::string_view kAnyOrigin = ".*";

unsigned MethodBit(std::string_view method) {
  if (method == "GET" || method == "HEAD") return PromRoute::kGet;
  if (method == "POST") return PromRoute::kPost;
  return method == "PUT" ? PromRoute::kPut : 0;
}

HttpResponse MethodNotAllowed(unsigned methods) {
  HttpResponse response = TextResponse(405, "Method Not Allowed");
  response.headers.emplace_back("allow", methods == PromRoute::kGet         ? "GET, OPTIONS"
                                         : (methods & PromRoute::kPut) != 0 ? "OPTIONS, POST, PUT"
                                                                            : "GET, OPTIONS, POST");
  return response;
}

promql::EngineOptions WithLookback(const ApiOptions& options) {
  promql::EngineOptions engine = options.engine;
  engine.lookback_ms = options.lookback_ms;
  return engine;
}

std::optional<Matcher> Origins(const std::string& pattern) {
  if (pattern == kAnyOrigin) return std::nullopt;
  auto matcher = Matcher::Make(MatchType::kRegex, "origin", pattern);
  if (matcher) return *std::move(matcher);
  // The settings have refused such a pattern; nobody is let in by mistake.
  auto none = Matcher::Make(MatchType::kEqual, "origin", "");
  return *std::move(none);
}

}  // namespace

PrometheusApi::PrometheusApi(const PrometheusSources& sources, const ApiOptions& options,
                             const Clock& clock)
    : options_(options),
      engine_(WithLookback(options)),
      context_{.sources = sources, .options = options, .clock = clock, .engine = engine_},
      origins_(Origins(options.cors_origin)) {}

bool PrometheusApi::Serves(std::string_view path) {
  return path.starts_with(kPrefix) || path == kFederate || path == kVersion;
}

HttpResponse PrometheusApi::Handle(const HttpRequest& request, const QueryLimits& limits,
                                   const std::function<bool()>& timed_out) const {
  HttpResponse response = Answer(request, limits, timed_out);
  AddCors(request, response);
  return response;
}

HttpResponse PrometheusApi::Answer(const HttpRequest& request, const QueryLimits& limits,
                                   const std::function<bool()>& timed_out) const {
  if (request.method == "OPTIONS") return {.status = 204};
  const unsigned method = MethodBit(request.method);
  PromCall call = {.request = request, .name = {}, .limits = limits, .timed_out = timed_out};
  if (request.path == kFederate) {
    return method == PromRoute::kGet ? AnswerFederate(context_, call)
                                     : MethodNotAllowed(PromRoute::kGet);
  }
  if (request.path == kVersion) {
    return method == PromRoute::kGet ? AnswerVersion(context_) : MethodNotAllowed(PromRoute::kGet);
  }
  const std::string_view path = std::string_view(request.path).substr(kPrefix.size());
  if (request.Param("query").size() > options_.query_bytes_max) {
    return FailureResponse(ToFailure(BadParameter("query", "too long")));
  }
  const auto answer = [&](unsigned methods, PromEndpoint endpoint) {
    if ((methods & method) == 0) return MethodNotAllowed(methods);
    PromResult result = endpoint(context_, call);
    return result ? *std::move(result) : FailureResponse(result.error());
  };
  if (const auto name = ValuesRoute(path)) {
    call.name = *name;
    return answer(PromRoute::kGet, AnswerLabelValues);
  }
  const PromRoute* route = FindPromRoute(path);
  return route == nullptr ? PageNotFound() : answer(route->methods, route->answer);
}

void PrometheusApi::AddCors(const HttpRequest& request, HttpResponse& response) const {
  const std::string_view origin = request.Header("origin");
  if (origin.empty()) return;
  Headers& headers = response.headers;
  headers.emplace_back("access-control-allow-headers",
                       "Accept, Authorization, Content-Type, Origin");
  headers.emplace_back("access-control-allow-methods", "GET, POST, OPTIONS");
  headers.emplace_back("access-control-expose-headers", "Date");
  headers.emplace_back("vary", "Origin");
  if (!origins_) {
    headers.emplace_back("access-control-allow-origin", "*");
  } else if (origins_->Matches(origin)) {
    headers.emplace_back("access-control-allow-origin", std::string(origin));
  }
}

}  // namespace opssight
