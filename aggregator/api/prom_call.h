// What an endpoint of Prometheus' API is given, and how it answers: the envelope
// {"status":…,"data":…}, error types with their HTTP status, and parameters. An endpoint is
// a function over these, a file for each family; prometheus.cc has the table.
// https://prometheus.io/docs/prometheus/latest/querying/api/
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/api/options.h"
#include "aggregator/api/server_info.h"
#include "aggregator/promql/engine/engine.h"
#include "aggregator/query/exemplars.h"
#include "aggregator/query/metrics_admin.h"
#include "aggregator/query/source.h"
#include "aggregator/query/targets.h"
#include "common/base/clock.h"
#include "common/http/message.h"
#include "common/text/json.h"

namespace opssight {

// Not owned; null where there is no such thing, which then is told as none.
struct PrometheusSources {
  const SeriesSource& series;
  const ExemplarSource* exemplars = nullptr;
  const MetadataSource* metadata = nullptr;
  const TargetsSource* targets = nullptr;
  const RulesSource* rules = nullptr;
  const TsdbStats* tsdb = nullptr;
  MetricsAdmin* admin = nullptr;
  const ServerInfo* server = nullptr;
};

struct PromContext {
  const PrometheusSources& sources;
  const ApiOptions& options;
  const Clock& clock;
  const promql::Engine& engine;
};

struct PromCall {
  const HttpRequest& request;
  std::string_view name;  // Of label/<name>/values.
  const QueryLimits& limits;
  const std::function<bool()>& timed_out;  // May be empty.
};

// An error as it is told. type: a literal ("bad_data").
struct PromFailure {
  std::string_view type = "internal";
  std::string message;
};
PromFailure BadData(std::string message);
PromFailure ToFailure(Error error);
// Storage said no while it looked for series: execution, but for what ended it.
PromFailure SelectFailure(Error error, const PromCall& call);
// Of what several selectors have found together; each alone keeps to limits by itself.
Status CheckSeries(std::size_t count, const QueryLimits& limits);
HttpResponse FailureResponse(const PromFailure& failure);

class [[nodiscard]] PromResult : public tl::expected<HttpResponse, PromFailure> {
 public:
  // NOLINTBEGIN(google-explicit-constructor): `return BadData(…)`, `return Error{…}`
  PromResult(HttpResponse response)
      : tl::expected<HttpResponse, PromFailure>(std::move(response)) {}
  PromResult(PromFailure failure)
      : tl::expected<HttpResponse, PromFailure>(tl::unexpect, std::move(failure)) {}
  PromResult(Error error) : PromResult(ToFailure(std::move(error))) {}
  // NOLINTEND(google-explicit-constructor)
};

using PromEndpoint = PromResult (*)(const PromContext& context, const PromCall& call);

struct PromNotes {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

// {"status":"success","data": … what the caller writes … ,"warnings":[…]}
void OpenSuccess(JsonWriter& json);
HttpResponse CloseSuccess(JsonWriter json, const PromNotes& notes = {});

// [1.500,"2"]: milliseconds as seconds.
std::string SecondsText(std::int64_t time_ms);

// ---- parameters; messages as Prometheus says them

// RFC 3339, seconds, or Prometheus' least and greatest time, which bound all others.
Result<std::int64_t> ParseTimeMs(std::string_view text);
// Absent: otherwise.
Result<std::int64_t> TimeParameter(const HttpRequest& request, std::string_view name,
                                   std::int64_t otherwise);
// start and end, or all of time.
struct TimeRange {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};
Result<TimeRange> RangeParameters(const HttpRequest& request);
// Seconds or 1h30m.
Result<std::int64_t> ParseDurationParameter(std::string_view text);
// limit: 0 where absent, which is none.
Result<std::size_t> LimitParameter(const HttpRequest& request);
// All match[], equal ones once.
Result<std::vector<std::vector<Matcher>>> SelectorParameters(const HttpRequest& request);
// The same, each with a matcher that does not match "".
Result<std::vector<std::vector<Matcher>>> MatchParameters(const HttpRequest& request);

inline constexpr std::string_view kTruncated = "results truncated due to limit";

}  // namespace opssight
