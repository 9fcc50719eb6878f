#include "aggregator/api/prometheus.h"

#include <algorithm>
#include <array>

#include "aggregator/api/answer.h"
#include "aggregator/api/prom_endpoints.h"

namespace opssight {
namespace {

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::string_view kFederate = "/federate";
constexpr std::string_view kAnyOrigin = ".*";

constexpr unsigned kGet = 1;
constexpr unsigned kPost = 2;
constexpr unsigned kPut = 4;

struct Route {
  std::string_view path;
  unsigned methods;
  PromEndpoint answer;
};

constexpr auto kRoutes = std::to_array<Route>({
    {"query", kGet | kPost, AnswerQuery},
    {"query_range", kGet | kPost, AnswerQueryRange},
    {"query_exemplars", kGet | kPost, AnswerExemplars},
    {"format_query", kGet | kPost, AnswerFormatQuery},
    {"parse_query", kGet | kPost, AnswerParseQuery},
    {"labels", kGet | kPost, AnswerLabels},
    {"series", kGet | kPost, AnswerSeries},
    {"metadata", kGet, AnswerMetadata},
    {"targets", kGet, AnswerTargets},
    {"targets/metadata", kGet, AnswerTargetsMetadata},
    {"targets/relabel_steps", kGet, AnswerRelabelSteps},
    {"scrape_pools", kGet, AnswerScrapePools},
    {"scrape_pools/config", kGet, AnswerScrapePoolConfig},
    {"rules", kGet, AnswerRules},
    {"alerts", kGet, AnswerAlerts},
    {"alertmanagers", kGet, AnswerAlertmanagers},
    {"status/config", kGet, AnswerStatusConfig},
    {"status/flags", kGet, AnswerStatusFlags},
    {"status/runtimeinfo", kGet, AnswerRuntimeInfo},
    {"status/buildinfo", kGet, AnswerBuildInfo},
    {"status/tsdb", kGet, AnswerStatusTsdb},
    {"status/walreplay", kGet, AnswerWalReplay},
    {"features", kGet, AnswerFeatures},
    {"admin/tsdb/delete_series", kPost | kPut, AnswerDeleteSeries},
    {"admin/tsdb/clean_tombstones", kPost | kPut, AnswerCleanTombstones},
    {"admin/tsdb/snapshot", kPost | kPut, AnswerSnapshot},
});

unsigned MethodBit(std::string_view method) {
  if (method == "GET" || method == "HEAD") return kGet;
  if (method == "POST") return kPost;
  return method == "PUT" ? kPut : 0;
}

HttpResponse MethodNotAllowed(unsigned methods) {
  HttpResponse response = TextResponse(405, "Method Not Allowed");
  response.headers.emplace_back("allow", methods == kGet         ? "GET, OPTIONS"
                                         : (methods & kPut) != 0 ? "OPTIONS, POST, PUT"
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
  return path.starts_with(kPrefix) || path == kFederate;
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
    return method == kGet ? AnswerFederate(context_, call) : MethodNotAllowed(kGet);
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
    return answer(kGet, AnswerLabelValues);
  }
  const auto* route = std::find_if(kRoutes.begin(), kRoutes.end(),
                                   [&](const Route& entry) { return entry.path == path; });
  return route == kRoutes.end() ? PageNotFound() : answer(route->methods, route->answer);
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
