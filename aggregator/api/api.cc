#include "aggregator/api/api.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "aggregator/api/jaeger.h"
#include "aggregator/api/selector.h"
#include "common/text/base64.h"
#include "common/text/number.h"

namespace opssight {
namespace {

HttpResponse Json(int status, std::string body) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}},
          .body = std::move(body),
          .trailers = {}};
}
HttpResponse Text(int status, std::string body) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"},
                      {"x-content-type-options", "nosniff"}},
          .body = std::move(body),
          .trailers = {}};
}

HttpResponse PrometheusError(const Error& error) {
  int status = 500;
  std::string_view type = "internal";
  switch (error.code) {
    case ErrorCode::kInvalid:
      status = 400;
      type = "bad_data";
      break;
    case ErrorCode::kNotFound:
      status = 404;
      type = "not_found";
      break;
    case ErrorCode::kExhausted:
      status = 422;
      type = "execution";
      break;
    case ErrorCode::kUnavailable:
      status = 499;
      type = "canceled";
      break;
    default:
      break;
  }
  JsonWriter json;
  json.Open('{').Key("status").String("error").Key("errorType").String(type);
  json.Key("error").String(error.message).Close('}');
  return Json(status, json.Take());
}

HttpResponse LokiError(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kExhausted:
      return Text(400, error.message);
    case ErrorCode::kNotFound:
      return Text(404, error.message);
    case ErrorCode::kUnavailable:
      return Text(499, "the request was cancelled by the client");
    default:
      return Text(500, error.message);
  }
}

Error BadParameter(std::string_view name, std::string_view why) {
  return Invalid(fmt::format("invalid parameter \"{}\": {}", name, why));
}

// RFC 3339 with any fraction, as ns.
std::optional<std::int64_t> ParseRfc3339Ns(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t size) {
    return ParseInt<int>(text.substr(at, size)).value_or(-1);
  };
  std::tm tm{};
  tm.tm_year = part(0, 4) - 1900;
  tm.tm_mon = part(5, 2) - 1;
  tm.tm_mday = part(8, 2);
  tm.tm_hour = part(11, 2);
  tm.tm_min = part(14, 2);
  tm.tm_sec = part(17, 2);
  if (tm.tm_year < -230 || tm.tm_year > 361 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
      tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
      tm.tm_sec < 0 || tm.tm_sec > 60) {
    return std::nullopt;
  }
  std::int64_t ns = timegm(&tm) * kNsPerSecond;
  text.remove_prefix(19);
  if (text[0] == '.') {
    text.remove_prefix(1);
    std::int64_t unit = kNsPerSecond / 10;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      ns += unit * (text[0] - '0');
      unit /= 10;
      text.remove_prefix(1);
    }
  }
  if (text == "Z" || text == "z") return ns;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = ParseInt<int>(text.substr(1, 2));
  const auto minutes = ParseInt<int>(text.substr(4, 2));
  if (!hours || !minutes || *hours < 0 || *minutes < 0) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * 60 * kNsPerSecond;
  return text[0] == '+' ? ns - offset : ns + offset;
}

constexpr double kSecondsMax = 9e9;  // About 2255; ns fit into 64 bits.

Result<std::int64_t> TimeMs(const HttpRequest& request, std::string_view name,
                            std::optional<std::int64_t> otherwise) {
  const std::string_view text = request.Param(name);
  if (text.empty() && otherwise) return *otherwise;
  if (const auto seconds = ParseDouble(text); seconds && std::fabs(*seconds) < kSecondsMax) {
    return static_cast<std::int64_t>(std::llround(*seconds * 1000));
  }
  if (const auto ns = ParseRfc3339Ns(text)) return *ns / kNsPerMs;
  return BadParameter(name, fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

Result<std::int64_t> StepMs(const HttpRequest& request) {
  const std::string_view text = request.Param("step");
  if (const auto seconds = ParseDouble(text)) {
    if (std::fabs(*seconds) < kSecondsMax) return static_cast<std::int64_t>(*seconds * 1000);
  } else if (auto duration = ParseDurationMs(text)) {
    return *duration;
  }
  return BadParameter("step", fmt::format("cannot parse \"{}\" to a valid duration", text));
}

Result<std::int64_t> LokiTimeNs(const HttpRequest& request, std::string_view name,
                                std::int64_t otherwise) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return otherwise;
  if (text.find('.') != text.npos && text.find('T') == text.npos) {
    const auto seconds = ParseDouble(text);
    if (seconds && std::fabs(*seconds) < kSecondsMax) {
      return static_cast<std::int64_t>(std::llround(*seconds * 1000)) * kNsPerMs;
    }
  } else if (const auto number = ParseInt<std::int64_t>(text)) {
    return text.size() <= 10 ? *number * kNsPerSecond : *number;
  } else if (const auto ns = ParseRfc3339Ns(text)) {
    return *ns;
  }
  return Invalid(fmt::format("could not parse '{}' in parameter {} as a time", text, name));
}

void WriteLabels(JsonWriter& json, const Labels& labels) {
  json.Open('{');
  for (const Label& label : labels) json.Key(label.name).String(label.value);
  json.Close('}');
}

void WriteSample(JsonWriter& json, std::int64_t time_ms, double value) {
  std::string time = std::to_string(time_ms / 1000);
  if (time_ms % 1000 != 0) {
    time = fmt::format("{}{}.{:03}", time_ms < 0 ? "-" : "", std::abs(time_ms / 1000),
                       std::abs(time_ms % 1000));
  }
  json.Open('[').Raw(time).String(FormatDouble(value)).Close(']');
}

bool IsStale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

// The sample an instant selector sees at time_ms: the last one in (time - lookback,
// time]; nothing after a stale marker.
const Sample* SampleAt(const std::vector<Sample>& samples, std::int64_t time_ms,
                       std::int64_t lookback_ms) {
  auto after = std::upper_bound(samples.begin(), samples.end(), time_ms,
                                [](std::int64_t t, const Sample& s) { return t < s.time_ms; });
  if (after == samples.begin()) return nullptr;
  const Sample& sample = *--after;
  if (sample.time_ms <= time_ms - lookback_ms || IsStale(sample.value)) return nullptr;
  return &sample;
}

HttpResponse Strings(const std::set<std::string>& strings, bool omit_empty) {
  JsonWriter json;
  json.Open('{').Key("status").String("success");
  if (!strings.empty() || !omit_empty) {
    json.Key("data").Open('[');
    for (const std::string& text : strings) json.String(text);
    json.Close(']');
  }
  return Json(200, json.Close('}').Take());
}

std::set<std::string> NamesOrValues(const std::vector<Labels>& sets, std::string_view name) {
  std::set<std::string> found;
  for (const Labels& labels : sets) {
    if (!name.empty()) {
      if (const auto value = labels.Get(name); !value.empty()) found.emplace(value);
      continue;
    }
    for (const Label& label : labels) found.insert(label.name);
  }
  return found;
}

// "label/<name>/values" -> name.
std::optional<std::string_view> ValuesOf(std::string_view route) {
  constexpr std::string_view kBefore = "label/";
  constexpr std::string_view kAfter = "/values";
  if (route.size() <= kBefore.size() + kAfter.size() || !route.starts_with(kBefore) ||
      !route.ends_with(kAfter)) {
    return std::nullopt;
  }
  return route.substr(kBefore.size(), route.size() - kBefore.size() - kAfter.size());
}

bool BySeriesLabels(const Series& a, const Series& b) {
  return a.labels < b.labels;
}

}  // namespace

HttpResponse Api::Handle(const HttpRequest& request) const {
  const std::string_view path = request.path;
  if (request.method != "GET" && request.method != "POST" && request.method != "HEAD") {
    HttpResponse response = Text(405, "method not allowed\n");
    response.headers.emplace_back("allow", "GET, POST");
    return response;
  }
  if (path == "/-/healthy") return Text(200, "OpsSight is healthy.\n");
  if (path == "/-/ready") return Text(200, "OpsSight is ready.\n");
  constexpr std::string_view kPrometheus = "/api/v1/";
  constexpr std::string_view kLoki = "/loki/api/v1/";
  constexpr std::string_view kTraces = "/api/traces/";
  if (path.starts_with(kPrometheus)) {
    auto response = Prometheus(request, path.substr(kPrometheus.size()));
    return response ? *std::move(response) : PrometheusError(response.error());
  }
  if (path.starts_with(kLoki)) {
    if (sources_.lines == nullptr) return Text(501, "logs are not stored here");
    auto response = Loki(request, path.substr(kLoki.size()));
    return response ? *std::move(response) : LokiError(response.error());
  }
  if (path.starts_with(kTraces)) return Trace(path.substr(kTraces.size()));
  return Text(404, "404 page not found\n");
}

Result<HttpResponse> Api::Prometheus(const HttpRequest& request, std::string_view route) const {
  if (request.Param("query").size() > options_.query_bytes_max) {
    return BadParameter("query", "too long");
  }
  if (route == "monitoring/gaps") return Gaps(request);
  if (sources_.series == nullptr) return Text(501, "metrics are not stored here");
  if (route == "query") return Query(request);
  if (route == "query_range") return QueryRange(request);
  if (route == "series" || route == "labels" || ValuesOf(route)) {
    return SeriesOrLabels(request, route);
  }
  return Text(404, "404 page not found\n");
}

Result<HttpResponse> Api::Query(const HttpRequest& request) const {
  OPS_TRY(const std::int64_t time_ms, TimeMs(request, "time", clock_.WallMs()));
  auto selector = ParseMetricSelector(request.Param("query"));
  if (!selector) return BadParameter("query", selector.error().message);
  const bool range = selector->range_ms > 0;
  const std::int64_t back_ms = range ? selector->range_ms : options_.lookback_ms;
  OPS_TRY(
      std::vector<Series> all,
      sources_.series->Select(selector->matchers, time_ms - back_ms + 1, time_ms, options_.limits));
  std::sort(all.begin(), all.end(), BySeriesLabels);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String(range ? "matrix" : "vector").Key("result").Open('[');
  for (Series& series : all) {
    if (range) {
      std::erase_if(series.samples, [](const Sample& sample) { return IsStale(sample.value); });
      if (series.samples.empty()) continue;
      json.Open('{').Key("metric");
      WriteLabels(json, series.labels);
      json.Key("values").Open('[');
      for (const Sample& sample : series.samples) WriteSample(json, sample.time_ms, sample.value);
      json.Close(']').Close('}');
    } else if (const Sample* sample = SampleAt(series.samples, time_ms, back_ms)) {
      json.Open('{').Key("metric");
      WriteLabels(json, series.labels);
      json.Key("value");
      WriteSample(json, time_ms, sample->value);
      json.Close('}');
    }
  }
  return Json(200, json.Close(']').Close('}').Close('}').Take());
}

Result<HttpResponse> Api::QueryRange(const HttpRequest& request) const {
  OPS_TRY(const std::int64_t start_ms, TimeMs(request, "start", std::nullopt));
  OPS_TRY(const std::int64_t end_ms, TimeMs(request, "end", std::nullopt));
  if (end_ms < start_ms) {
    return BadParameter("end", "end timestamp must not be before start time");
  }
  OPS_TRY(const std::int64_t step_ms, StepMs(request));
  if (step_ms <= 0) {
    return BadParameter("step",
                        "zero or negative query resolution step widths are not accepted. Try a "
                        "positive integer");
  }
  if ((end_ms - start_ms) / step_ms > options_.points_max) {
    return Invalid(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  auto selector = ParseMetricSelector(request.Param("query"));
  if (!selector) return BadParameter("query", selector.error().message);
  if (selector->range_ms > 0) {
    return BadParameter("query",
                        "invalid expression type \"range vector\" for range query, must be Scalar "
                        "or instant Vector");
  }
  OPS_TRY(std::vector<Series> all,
          sources_.series->Select(selector->matchers, start_ms - options_.lookback_ms + 1, end_ms,
                                  options_.limits));
  const auto steps = static_cast<std::uint64_t>((end_ms - start_ms) / step_ms) + 1;
  if (all.size() > options_.answer_points_max / steps) {
    return Exhausted("query would answer with too many samples; narrow the selector or the range");
  }
  std::sort(all.begin(), all.end(), BySeriesLabels);
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String("matrix").Key("result").Open('[');
  for (const Series& series : all) {
    bool any = false;
    for (std::int64_t time_ms = start_ms; time_ms <= end_ms; time_ms += step_ms) {
      const Sample* sample = SampleAt(series.samples, time_ms, options_.lookback_ms);
      if (sample == nullptr) continue;
      if (!any) {
        json.Open('{').Key("metric");
        WriteLabels(json, series.labels);
        json.Key("values").Open('[');
        any = true;
      }
      WriteSample(json, time_ms, sample->value);
    }
    if (any) json.Close(']').Close('}');
  }
  return Json(200, json.Close(']').Close('}').Close('}').Take());
}

Result<HttpResponse> Api::SeriesOrLabels(const HttpRequest& request, std::string_view route) const {
  const std::int64_t now_ms = clock_.WallMs();
  OPS_TRY(const std::int64_t start_ms, TimeMs(request, "start", 0));
  OPS_TRY(const std::int64_t end_ms, TimeMs(request, "end", now_ms));
  if (end_ms < start_ms) {
    return BadParameter("end", "end timestamp must not be before start time");
  }
  std::set<Labels> sets;
  bool asked = false;
  const auto add = [&](const std::vector<Matcher>& matchers) -> Status {
    OPS_TRY(std::vector<Labels> found,
            sources_.series->SelectLabels(matchers, start_ms, end_ms, options_.limits));
    sets.insert(found.begin(), found.end());
    return {};
  };
  for (const auto& param : request.params) {
    if (param.first != "match[]") continue;
    asked = true;
    auto selector = ParseMetricSelector(param.second);
    if (!selector) return BadParameter("match[]", selector.error().message);
    if (selector->range_ms > 0) return BadParameter("match[]", "expected an instant selector");
    OPS_RETURN_IF_ERROR(add(selector->matchers));
  }
  if (route == "series" && !asked) return Invalid("no match[] parameter provided");
  if (!asked) OPS_RETURN_IF_ERROR(add({}));
  const std::vector<Labels> all(sets.begin(), sets.end());
  if (route != "series") {
    return Strings(NamesOrValues(all, ValuesOf(route).value_or("")), false);
  }
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('[');
  for (const Labels& labels : all) WriteLabels(json, labels);
  return Json(200, json.Close(']').Close('}').Take());
}

Result<HttpResponse> Api::Gaps(const HttpRequest& request) const {
  if (sources_.gaps == nullptr) return Text(501, "gaps are not stored here");
  const std::int64_t now_ms = clock_.WallMs();
  OPS_TRY(const std::int64_t start_ms, TimeMs(request, "start", now_ms - kMsPerDay));
  OPS_TRY(const std::int64_t end_ms, TimeMs(request, "end", now_ms));
  OPS_TRY(const std::vector<Gap> gaps, sources_.gaps->Gaps(start_ms * kNsPerMs, end_ms * kNsPerMs));
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('[');
  for (const Gap& gap : gaps) {
    json.Open('{').Key("signal").String(ToString(gap.signal)).Key("stream").String(gap.stream);
    json.Key("fromUnixNano").String(std::to_string(gap.from_ns));
    json.Key("toUnixNano").String(std::to_string(gap.to_ns));
    json.Key("count").Raw(std::to_string(gap.count)).Key("reason").String(gap.reason).Close('}');
  }
  return Json(200, json.Close(']').Close('}').Take());
}

Result<HttpResponse> Api::Loki(const HttpRequest& request, std::string_view route) const {
  if (route == "query_range") return LogLines(request);
  const auto name = ValuesOf(route);
  if (route != "labels" && route != "label" && !name) return Text(404, "404 page not found\n");
  OPS_TRY(const std::int64_t end_ns, LokiTimeNs(request, "end", clock_.WallNs()));
  OPS_TRY(const std::int64_t start_ns, LokiTimeNs(request, "start", end_ns - 3600 * kNsPerSecond));
  std::vector<Matcher> matchers;
  if (!request.Param("query").empty()) {
    OPS_TRY(LogSelector selector, ParseLogSelector(request.Param("query")));
    matchers = std::move(selector.matchers);
  }
  OPS_TRY(const std::vector<Labels> streams,
          sources_.lines->SelectStreams(matchers, start_ns, end_ns, options_.limits));
  return Strings(NamesOrValues(streams, name.value_or("")), true);
}

Result<HttpResponse> Api::LogLines(const HttpRequest& request) const {
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
  since_ms = std::min<std::int64_t>(since_ms, 100LL * 365 * kMsPerDay);
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
  OPS_TRY(std::vector<LogStreamLines> streams, sources_.lines->Select(query, options_.limits));
  const bool categorize =
      ListHasToken(request.Header("x-loki-response-encoding-flags"), "categorize-labels");

  // Without the flag a line's metadata are labels of its stream, which so splits.
  std::map<Labels, std::vector<const LogLine*>> results;
  for (const LogStreamLines& stream : streams) {
    for (const LogLine& line : stream.lines) {
      if (categorize || line.metadata.empty()) {
        results[stream.stream].push_back(&line);
        continue;
      }
      std::vector<Label> merged(stream.stream.begin(), stream.stream.end());
      merged.insert(merged.end(), line.metadata.begin(), line.metadata.end());
      results[Labels(std::move(merged))].push_back(&line);
    }
  }
  JsonWriter json;
  json.Open('{').Key("status").String("success").Key("data").Open('{');
  json.Key("resultType").String("streams");
  if (categorize) json.Key("encodingFlags").Open('[').String("categorize-labels").Close(']');
  json.Key("result").Open('[');
  for (const auto& result : results) {
    json.Open('{').Key("stream");
    WriteLabels(json, result.first);
    json.Key("values").Open('[');
    for (const LogLine* line : result.second) {
      json.Open('[').String(std::to_string(line->time_ns)).String(line->line);
      if (categorize) {
        json.Open('{');
        if (!line->metadata.empty()) {
          json.Key("structuredMetadata");
          WriteLabels(json, Labels(line->metadata));
        }
        json.Close('}');
      }
      json.Close(']');
    }
    json.Close(']').Close('}');
  }
  return Json(200, json.Close(']').Key("stats").Open('{').Close('}').Close('}').Close('}').Take());
}

HttpResponse Api::Trace(std::string_view id) const {
  const auto fail = [](int status, std::string_view message, std::string_view trace) {
    JsonWriter json;
    json.Open('{').Key("data").Raw("null").Key("total").Int(0).Key("limit").Int(0);
    json.Key("offset").Int(0).Key("errors").Open('[').Open('{').Key("code").Int(status);
    json.Key("msg").String(message);
    if (!trace.empty()) json.Key("traceID").String(trace);
    return Json(status, json.Close('}').Close(']').Close('}').Take());
  };
  if (sources_.spans == nullptr) return fail(501, "traces are not stored here", "");
  std::optional<std::string> bytes;
  if (!id.empty() && id.size() <= 32) {  // Leading zeros may be left out.
    bytes = ParseHex(std::string(32 - id.size(), '0').append(id));
  }
  if (!bytes || bytes->size() != 16) return fail(400, "malformed trace ID: hex expected", "");
  TraceId trace{};
  std::copy(bytes->begin(), bytes->end(), trace.begin());
  auto spans = sources_.spans->Trace(trace, options_.limits);
  if (!spans) return fail(500, spans.error().message, "");
  if (spans->empty()) return fail(404, "trace not found", Hex(*bytes));
  JsonWriter json;
  json.Open('{').Key("data").Open('[');
  WriteJaegerTrace(*spans, json);
  json.Close(']').Key("total").Int(0).Key("limit").Int(0).Key("offset").Int(0);
  return Json(200, json.Key("errors").Raw("null").Close('}').Take());
}

}  // namespace opssight
