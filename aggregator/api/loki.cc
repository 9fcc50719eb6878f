#include "aggregator/api/loki.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "aggregator/api/answer.h"
#include "aggregator/api/selector.h"
#include "common/text/number.h"
#include "common/text/time.h"

namespace opssight {
namespace {

HttpResponse LokiError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kExhausted:
      return TextResponse(400, error.message);
    case ErrorCode::kNotFound:
      return TextResponse(404, error.message);
    case ErrorCode::kUnavailable:
      return TextResponse(504,
                          "request timed out, decrease the duration of the request or add "
                          "more label matchers (prefer exact match over regex match) to "
                          "reduce the amount of data processed");
    default:
      return TextResponse(500, error.message);
  }
}

// Times are kept within a range that leaves room for a century to be taken off.
constexpr std::int64_t kTimeMaxNs = 6'000'000'000 * kNsPerSecond;  // 2160.

std::int64_t Bounded(std::int64_t time_ns) {
  return std::clamp(time_ns, -kTimeMaxNs, kTimeMaxNs);
}

Result<std::int64_t> LokiTimeNs(const HttpRequest& request, std::string_view name,
                                std::int64_t otherwise) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return otherwise;
  if (text.find('.') != text.npos && text.find('T') == text.npos) {
    const auto seconds = ParseDouble(text);
    constexpr double kSecondsMax = 9e9;  // Beyond, nanoseconds no longer fit 64 bits.
    if (seconds && std::fabs(*seconds) < kSecondsMax) {
      return Bounded(static_cast<std::int64_t>(std::llround(*seconds * 1000)) * kNsPerMs);
    }
  } else if (const auto number = ParseInt<std::int64_t>(text)) {
    if (text.size() > 10) return Bounded(*number);
    return Bounded(std::clamp(*number, -kTimeMaxNs / kNsPerSecond, kTimeMaxNs / kNsPerSecond) *
                   kNsPerSecond);
  } else if (const auto ns = ParseRfc3339Ns(text)) {
    return Bounded(*ns);
  }
  return Invalid(fmt::format("could not parse '{}' in parameter {} as a time", text, name));
}

using Shown = std::map<Labels, std::vector<const LogLine*>>;

// Without the flag a line's metadata are labels of its stream, which so splits.
Shown ByShownLabels(const std::vector<LogStreamLines>& streams, bool categorize) {
  Shown shown;
  for (const LogStreamLines& stream : streams) {
    for (const LogLine& line : stream.lines) {
      if (categorize || line.metadata.empty()) {
        shown[stream.stream].push_back(&line);
        continue;
      }
      std::vector<Label> merged(stream.stream.begin(), stream.stream.end());
      merged.insert(merged.end(), line.metadata.begin(), line.metadata.end());
      shown[Labels(std::move(merged))].push_back(&line);
    }
  }
  return shown;
}

void WriteLine(const LogLine& line, bool categorize, JsonWriter& json) {
  json.Open('[').String(std::to_string(line.time_ns)).String(line.line);
  if (categorize) {
    json.Open('{');
    if (!line.metadata.empty()) {
      json.Key("structuredMetadata");
      WriteLabels(json, Labels(line.metadata));
    }
    json.Close('}');
  }
  json.Close(']');
}

}  // namespace

HttpResponse LokiApi::Handle(const HttpRequest& request, std::string_view route,
                             const QueryLimits& limits) const {
  auto response = Answer(request, route, limits);
  return response ? *std::move(response) : LokiError(response.error());
}

Result<HttpResponse> LokiApi::Answer(const HttpRequest& request, std::string_view route,
                                     const QueryLimits& limits) const {
  if (route == "query_range") return LogLines(request, limits);
  const auto name = ValuesRoute(route);
  if (route != "labels" && route != "label" && !name) return PageNotFound();
  OPS_TRY(const std::int64_t end_ns, LokiTimeNs(request, "end", clock_.WallNs()));
  OPS_TRY(const std::int64_t start_ns, LokiTimeNs(request, "start", end_ns - 3600 * kNsPerSecond));
  std::vector<Matcher> matchers;
  if (!request.Param("query").empty()) {
    OPS_TRY(LogSelector selector, ParseLogSelector(request.Param("query")));
    matchers = std::move(selector.matchers);
  }
  OPS_TRY(const std::vector<Labels> streams,
          lines_.SelectStreams(matchers, start_ns, end_ns, limits));
  return StringsResponse(NamesOrValues(streams, name.value_or("")), true);
}

Result<LineQuery> LokiApi::ReadLineQuery(const HttpRequest& request) const {
  if (request.Param("query").size() > options_.query_bytes_max) return Invalid("query is too long");
  LineQuery query;
  OPS_TRY(LogSelector selector, ParseLogSelector(request.Param("query")));
  query.matchers = std::move(selector.matchers);
  query.filters = std::move(selector.filters);
  const std::int64_t now_ns = clock_.WallNs();
  OPS_TRY(query.to_ns, LokiTimeNs(request, "end", now_ns));
  std::int64_t since_ms = 3600 * kMsPerSecond;
  if (!request.Param("since").empty()) {
    OPS_TRY(since_ms, ParseDurationMs(request.Param("since")));
  }
  since_ms = std::clamp<std::int64_t>(since_ms, 0, 100LL * 365 * kMsPerDay);
  OPS_TRY(query.from_ns,
          LokiTimeNs(request, "start", std::min(now_ns, query.to_ns) - since_ms * kNsPerMs));
  if (query.to_ns < query.from_ns) {
    return Invalid("end timestamp must not be before or equal to start time");
  }
  if (const std::string_view text = request.Param("limit"); !text.empty()) {
    const auto limit = ParseInt<std::int64_t>(text);
    if (!limit || *limit <= 0) return Invalid("limit must be a positive value");
    query.limit = static_cast<std::uint64_t>(*limit);
  }
  if (query.limit > options_.lines_max) {
    return Invalid(
        fmt::format("max entries limit per query exceeded, limit > "
                    "max_entries_limit_per_query ({} > {})",
                    query.limit, options_.lines_max));
  }
  const std::string direction = AsciiLower(request.Param("direction"));
  if (!direction.empty() && direction != "backward" && direction != "forward") {
    return Invalid(fmt::format("invalid direction '{}'", request.Param("direction")));
  }
  query.backward = direction != "forward";
  return query;
}

Result<HttpResponse> LokiApi::LogLines(const HttpRequest& request,
                                       const QueryLimits& limits) const {
  OPS_TRY(const LineQuery query, ReadLineQuery(request));
  OPS_TRY(const std::vector<LogStreamLines> streams, lines_.Select(query, limits));
  const bool categorize =
      ListHasToken(request.Header("x-loki-response-encoding-flags"), "categorize-labels");

  const auto results = ByShownLabels(streams, categorize);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String("streams");
  if (categorize) json.Key("encodingFlags").Open('[').String("categorize-labels").Close(']');
  json.Key("result").Open('[');
  for (const auto& result : results) {
    json.Open('{').Key("stream");
    WriteLabels(json, result.first);
    json.Key("values").Open('[');
    for (const LogLine* line : result.second) WriteLine(*line, categorize, json);
    json.Close(']').Close('}');
  }
  return JsonResponse(
      200, json.Close(']').Key("stats").Open('{').Close('}').Close('}').Close('}').Take());
}

}  // namespace opssight
