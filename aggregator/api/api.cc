#include "aggregator/api/api.h"

#include <string>
#include <string_view>

#include "aggregator/api/answer.h"
#include "aggregator/api/gaps.h"
#include "aggregator/api/jaeger.h"
#include "aggregator/api/remote_read.h"

namespace opssight {
namespace {

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
      prometheus_(sources_.series, options_, clock_),
      loki_(sources_.lines, options_, clock_) {}

std::optional<HttpResponse> Api::Handle(const HttpRequest& request,
                                        const std::function<bool()>& cancelled) const {
  const auto prometheus = After(request.path, "/api/v1/");
  const auto loki = After(request.path, "/loki/api/v1/");
  const auto trace = After(request.path, "/api/traces/");
  if (!prometheus && !loki && !trace) return std::nullopt;
  if (request.method != "GET" && request.method != "POST" && request.method != "HEAD") {
    HttpResponse response = TextResponse(405, "method not allowed");
    response.headers.emplace_back("allow", "GET, POST");
    return response;
  }
  QueryLimits limits = options_.limits;
  limits.cancelled = cancelled;
  if (prometheus == "monitoring/gaps") return AnswerGaps(request, sources_.gaps, clock_);
  if (prometheus == "read") return AnswerRemoteRead(request, sources_.series, {}, limits);
  if (prometheus) return prometheus_.Handle(request, *prometheus, limits);
  if (loki) return loki_.Handle(request, *loki, limits);
  return AnswerJaegerTrace(*trace, sources_.spans, limits);
}

}  // namespace opssight
