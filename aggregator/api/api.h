// Api answers the HTTP API of the peers from the store's sources: Prometheus
// (/api/v1), Loki (/loki/api/v1), Jaeger (/api/traces/{id}), health and gaps.
// Pure and synchronous: no socket, no thread; Handle() is safe on any thread as the
// sources are. What is asked beyond plain selectors is a 400 that says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregator/api/json.h"
#include "aggregator/query/source.h"
#include "common/base/clock.h"
#include "common/http/message.h"

namespace opssight {

// Not owned; outlive the Api. Null: that signal answers 501.
struct ApiSources {
  const SeriesSource* series = nullptr;
  const LineSource* lines = nullptr;
  const SpanSource* spans = nullptr;
  const GapSource* gaps = nullptr;
};

struct ApiOptions {
  std::int64_t lookback_ms = 5 * 60 * kMsPerSecond;  // How old a sample may be and still count.
  std::int64_t points_max = 11'000;                  // Of one series in a range query.
  std::uint64_t answer_points_max = 20'000'000;      // Of all series in a range query.
  std::uint64_t lines_max = 5000;                    // Loki's max_entries_limit.
  std::size_t query_bytes_max = 131'072;
  QueryLimits limits;
};

class Api {
 public:
  Api(ApiSources sources, ApiOptions options, const Clock& clock)
      : sources_(sources), options_(std::move(options)), clock_(clock) {}
  HttpResponse Handle(const HttpRequest& request) const;

 private:
  Result<HttpResponse> Prometheus(const HttpRequest& request, std::string_view route) const;
  Result<HttpResponse> Query(const HttpRequest& request) const;
  Result<HttpResponse> QueryRange(const HttpRequest& request) const;
  Result<HttpResponse> SeriesOrLabels(const HttpRequest& request, std::string_view route) const;
  Result<HttpResponse> Gaps(const HttpRequest& request) const;
  Result<HttpResponse> Loki(const HttpRequest& request, std::string_view route) const;
  Result<HttpResponse> LogLines(const HttpRequest& request) const;
  HttpResponse Trace(std::string_view id) const;

  const ApiSources sources_;
  const ApiOptions options_;
  const Clock& clock_;
};

}  // namespace opssight
