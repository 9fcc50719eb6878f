#include "aggregator/api/answer.h"

#include <cmath>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/text/number.h"
#include "common/text/time.h"

namespace opssight {

HttpResponse JsonResponse(int status, std::string body) {
  return {.status = status,
          .headers = {{"content-type", "application/json"}},
          .body = std::move(body),
          .trailers = {}};
}
HttpResponse PageNotFound() {
  return TextResponse(404, "404 page not found");
}

Error BadParameter(std::string_view name, std::string_view why) {
  return Invalid(fmt::format("invalid parameter \"{}\": {}", name, why));
}

void WriteLabels(JsonWriter& json, const Labels& labels) {
  json.Open('{');
  for (const Label& label : labels) json.Key(label.name).String(label.value);
  json.Close('}');
}

HttpResponse StringsResponse(const std::set<std::string>& strings, bool omit_empty) {
  JsonWriter json;
  json.Open('{').Key("status").String("success");
  if (!strings.empty() || !omit_empty) {
    json.Key("data").Open('[');
    for (const std::string& text : strings) json.String(text);
    json.Close(']');
  }
  return JsonResponse(200, json.Close('}').Take());
}

// "label/<name>/values" -> name.
std::optional<std::string_view> ValuesRoute(std::string_view route) {
  constexpr std::string_view kBefore = "label/";
  constexpr std::string_view kAfter = "/values";
  if (route.size() <= kBefore.size() + kAfter.size() || !route.starts_with(kBefore) ||
      !route.ends_with(kAfter)) {
    return std::nullopt;
  }
  return route.substr(kBefore.size(), route.size() - kBefore.size() - kAfter.size());
}

std::optional<std::int64_t> ParseApiTimeMs(std::string_view text) {
  if (const auto seconds = ParseDouble(text); seconds && std::fabs(*seconds) < kSecondsMax) {
    return static_cast<std::int64_t>(std::llround(*seconds * 1000));
  }
  if (const auto ns = ParseRfc3339Ns(text)) return *ns / kNsPerMs;
  return std::nullopt;
}

Result<std::int64_t> TimeMsParameter(const HttpRequest& request, std::string_view name,
                                     std::int64_t otherwise) {
  const std::string_view text = request.Param(name);
  if (text.empty()) return otherwise;
  if (const auto time_ms = ParseApiTimeMs(text)) return *time_ms;
  return BadParameter(name, fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

}  // namespace opssight
