#include "aggregator/serve/service.h"

#include <algorithm>
#include <utility>

#include "aggregator/api/selector.h"
#include "common/text/number.h"

namespace opssight {
namespace {

// Answered from the start on: it says how far the start is.
constexpr std::string_view kWalReplay = "/api/v1/status/walreplay";

constexpr std::string_view kIndex =
    "OpsSight\n\n"
    "/api/v1/query, query_range, …   /federate                         Prometheus\n"
    "/loki/api/v1/query_range, labels, label/<name>/values             Loki\n"
    "/api/traces/<id>                                                  Jaeger\n"
    "/api/v1/monitoring/gaps                                           what could not be kept\n"
    "/version  /metrics  /-/healthy  /-/ready  /-/reload\n";

// "timeout=30s" or seconds, as Prometheus reads it; the server's where there is none.
std::int64_t TimeoutMs(const HttpRequest& request, std::int64_t most_ms) {
  const std::string_view text = request.Param("timeout");
  if (text.empty()) return most_ms;
  if (const auto seconds = ParseDouble(text)) {
    if (*seconds > 0 && *seconds < static_cast<double>(most_ms) / 1000) {
      return static_cast<std::int64_t>(*seconds * 1000);
    }
    return most_ms;
  }
  const auto ms = ParseDurationMs(text);
  return ms ? std::min(*ms, most_ms) : most_ms;
}

// As Prometheus says it before its database is there.
HttpResponse NotReady(bool stopping) {
  HttpResponse response = TextResponse(503, "Service Unavailable");
  response.headers.emplace_back("x-prometheus-stopping", stopping ? "true" : "false");
  return response;
}

}  // namespace

Service::Service(const Api& api, const Registry& registry, ServeOptions options, const Clock& clock,
                 std::function<Status()> reload)
    : api_(api),
      registry_(registry),
      options_(options),
      clock_(clock),
      reload_(std::move(reload)),
      pool_("query", options.query_threads, options.queries_waiting_max) {}

void Service::Stop() {
  stopping_.store(true, std::memory_order_release);
  pool_.Stop();
}

HttpResponse Service::Reload(const HttpRequest& request) const {
  if (request.method != "POST" && request.method != "PUT") {
    return TextResponse(405, "Only POST or PUT requests allowed");
  }
  const Status status = reload_();
  if (status) return {.status = 200};
  return TextResponse(500, "failed to reload config: " + status.error().message);
}

void Service::Handle(HttpRequest request, std::shared_ptr<Responder> responder) {
  const bool ready = ready_.load(std::memory_order_acquire);
  const std::string_view path = request.path;
  if (path == "/-/healthy")
    return responder->Send(TextResponse(200, "Prometheus Server is Healthy."));
  if (path == "/-/ready") {
    return responder->Send(ready ? TextResponse(200, "Prometheus Server is Ready.")
                                 : NotReady(stopping_.load(std::memory_order_acquire)));
  }
  if (path == "/metrics") {
    return responder->Send({.status = 200,
                            .headers = {{"content-type", std::string(Registry::kContentType)}},
                            .body = registry_.PrometheusText()});
  }
  if (path == "/-/reload" && reload_) return responder->Send(Reload(request));
  if (path == "/") return responder->Send(TextResponse(200, kIndex));
  if (!Api::Serves(path)) return responder->Send(TextResponse(404, "404 page not found"));
  if (!ready && path != kWalReplay)
    return responder->Send(NotReady(stopping_.load(std::memory_order_acquire)));
  StartQuery(std::move(request), std::move(responder));
}

void Service::StartQuery(HttpRequest request, std::shared_ptr<Responder> responder) {
  metrics_.queries.Add();
  // From here, so that waiting for a thread counts.
  const std::int64_t deadline_ns =
      clock_.SteadyNs() + TimeoutMs(request, options_.query_timeout_ms) * kNsPerMs;
  auto shared = std::make_shared<const HttpRequest>(std::move(request));
  const bool taken = pool_.TrySubmit(
      [this, shared, responder, deadline_ns] { RunQuery(*shared, *responder, deadline_ns); });
  if (taken) return;
  metrics_.refused.Add();
  HttpResponse busy = TextResponse(503, "too many queries wait; try again soon");
  busy.headers.emplace_back("retry-after", "1");
  responder->Send(std::move(busy));
}

void Service::RunQuery(const HttpRequest& request, Responder& responder, std::int64_t deadline_ns) {
  metrics_.running.Add(1);
  bool late = false;
  bool abandoned = false;
  const auto cancelled = [&] {
    late = late || clock_.SteadyNs() >= deadline_ns || stopping_.load(std::memory_order_acquire);
    abandoned = abandoned || responder.cancelled();
    return late || abandoned;
  };
  auto response = api_.Handle(request, cancelled, [&late] { return late; });
  if (abandoned) {
    metrics_.abandoned.Add();
  } else if (late) {
    metrics_.timed_out.Add();
  } else if (response && response->status == 400) {
    metrics_.invalid.Add();
  } else if (response && response->status == 422) {
    metrics_.failed.Add();
  }
  responder.Send(response ? *std::move(response) : TextResponse(404, "404 page not found"));
  metrics_.running.Add(-1);
}

}  // namespace opssight
