#include "aggregator/api/prom_call.h"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "aggregator/api/answer.h"
#include "common/text/number.h"
#include "common/text/quote.h"
#include "common/text/time.h"
#include "common/text/units.h"

namespace opssight {
namespace {

// Prometheus' bounds of time, which clients send for "all" as text or as seconds.
constexpr std::int64_t kLeastMs = -9'223'309'901'257'974'000;
constexpr std::int64_t kGreatestMs = 9'223'309'901'257'974'999;
constexpr std::string_view kLeastTime = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kGreatestTime = "292277025-08-18T07:12:54.999999999Z";
// What is stored lies between.
constexpr std::int64_t kFirstMs = 0;
constexpr std::int64_t kLastMs = 253'402'300'799'999;  // The end of 9999.
constexpr double kDurationSecondsMax = 9223372036.854775807;

int StatusOf(std::string_view type) {
  if (type == "bad_data") return 400;
  if (type == "execution") return 422;
  if (type == "canceled") return 499;
  if (type == "timeout") return 503;
  if (type == "not_found") return 404;
  if (type == "not_acceptable") return 406;
  return 500;  // internal, unavailable.
}

std::int64_t Bounded(double time_ms) {
  if (time_ms <= static_cast<double>(kLeastMs)) return kLeastMs;
  if (time_ms >= static_cast<double>(kGreatestMs)) return kGreatestMs;
  return static_cast<std::int64_t>(time_ms);
}

void WriteTexts(std::string_view key, const std::vector<std::string>& texts, JsonWriter& json) {
  if (texts.empty()) return;
  json.Key(key).Open('[');
  for (const std::string& text : texts) json.String(text);
  json.Close(']');
}

}  // namespace

PromFailure BadData(std::string message) {
  return {.type = "bad_data", .message = std::move(message)};
}

PromFailure ToFailure(Error error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return BadData(std::move(error.message));
    case ErrorCode::kNotFound:
      return {.type = "not_found", .message = std::move(error.message)};
    case ErrorCode::kExhausted:
      return {.type = "execution", .message = std::move(error.message)};
    case ErrorCode::kUnavailable:  // Whoever is still there to read it waited too long.
      return {.type = "timeout", .message = std::move(error.message)};
    default:
      return {.type = "internal", .message = std::move(error.message)};
  }
}

PromFailure SelectFailure(Error error, const PromCall& call) {
  if (error.code != ErrorCode::kUnavailable) {
    return {.type = "execution", .message = std::move(error.message)};
  }
  const bool late = call.timed_out && call.timed_out();
  return {.type = late ? "timeout" : "canceled", .message = std::move(error.message)};
}

Status CheckSeries(std::size_t count, const QueryLimits& limits) {
  if (count <= limits.series_max) return {};
  return Exhausted(fmt::format("query selects more than {} series; select fewer or ask in parts",
                               limits.series_max));
}

HttpResponse FailureResponse(const PromFailure& failure) {
  JsonWriter json;
  json.Open('{').Key("status").String("error").Key("errorType").String(failure.type);
  json.Key("error").String(failure.message).Close('}');
  return JsonResponse(StatusOf(failure.type), json.Take());
}

void OpenSuccess(JsonWriter& json) {
  json.Open('{').Key("status").String("success").Key("data");
}

HttpResponse CloseSuccess(JsonWriter json, const PromNotes& notes) {
  WriteTexts("warnings", notes.warnings, json);
  WriteTexts("infos", notes.infos, json);
  json.Close('}');
  return JsonResponse(200, json.Take());
}

std::string SecondsText(std::int64_t time_ms) {
  if (time_ms % kMsPerSecond == 0) return std::to_string(time_ms / kMsPerSecond);
  const std::int64_t size = time_ms < 0 ? -time_ms : time_ms;
  return fmt::format("{}{}.{:03}", time_ms < 0 ? "-" : "", size / kMsPerSecond,
                     size % kMsPerSecond);
}

Result<std::int64_t> ParseTimeMs(std::string_view text) {
  if (const auto seconds = ParseDouble(text); seconds && std::isfinite(*seconds)) {
    return Bounded(std::round(*seconds * 1000));
  }
  if (const auto time_ms = ParseRfc3339Ms(text)) return *time_ms;
  if (text == kLeastTime) return kLeastMs;
  if (text == kGreatestTime) return kGreatestMs;
  return Invalid(fmt::format("cannot parse {} to a valid timestamp", QuoteGo(text)));
}

Result<std::int64_t> TimeParameter(const HttpRequest& request, std::string_view name,
                                   std::int64_t otherwise) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return otherwise;
  auto time_ms = ParseTimeMs(text);
  if (time_ms) return *time_ms;
  return BadParameter(
      name, fmt::format("invalid time value for '{}': {}", name, time_ms.error().message));
}

Result<TimeRange> RangeParameters(const HttpRequest& request) {
  OPS_TRY(const std::int64_t start_ms, TimeParameter(request, "start", kFirstMs));
  OPS_TRY(const std::int64_t end_ms, TimeParameter(request, "end", kLastMs));
  return TimeRange{start_ms, end_ms};
}

Result<std::int64_t> ParseDurationParameter(std::string_view text) {
  if (const auto seconds = ParseDouble(text)) {
    if (std::fabs(*seconds) < kDurationSecondsMax) {
      return static_cast<std::int64_t>(*seconds * 1000);
    }
    return Invalid(
        fmt::format("cannot parse {} to a valid duration. It overflows int64", QuoteGo(text)));
  }
  if (const auto duration_ms = ParsePromDurationMs(text)) return *duration_ms;
  return Invalid(fmt::format("cannot parse {} to a valid duration", QuoteGo(text)));
}

Result<std::size_t> LimitParameter(const HttpRequest& request) {
  const std::string_view text = request.Param("limit");
  if (text.empty()) return std::size_t{0};
  const auto limit = ParseInt<std::int64_t>(text);
  if (!limit) {
    return BadParameter("limit",
                        fmt::format("strconv.Atoi: parsing {}: invalid syntax", QuoteGo(text)));
  }
  if (*limit < 0) return BadParameter("limit", "limit must be non-negative");
  return static_cast<std::size_t>(*limit);
}

Result<std::vector<std::vector<Matcher>>> SelectorParameters(const HttpRequest& request) {
  std::vector<std::vector<Matcher>> sets;
  std::set<std::string> known;
  for (const auto& [name, text] : request.params) {
    if (name != "match[]") continue;
    OPS_TRY(std::vector<Matcher> matchers, promql::ParseMetricSelector(text));
    std::string key;
    for (const Matcher& matcher : matchers) {
      key += static_cast<char>(matcher.type());
      AppendLabelKey(matcher.name(), matcher.value(), key);
    }
    if (known.insert(std::move(key)).second) sets.push_back(std::move(matchers));
  }
  return sets;
}

Result<std::vector<std::vector<Matcher>>> MatchParameters(const HttpRequest& request) {
  OPS_TRY(std::vector<std::vector<Matcher>> sets, SelectorParameters(request));
  for (const std::vector<Matcher>& set : sets) {
    bool narrows = false;
    for (const Matcher& matcher : set) narrows = narrows || !matcher.Matches("");
    if (!narrows) return Invalid("match[] must contain at least one non-empty matcher");
  }
  return sets;
}

}  // namespace opssight
