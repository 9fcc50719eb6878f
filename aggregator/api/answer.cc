#include "aggregator/api/answer.h"

#include <fmt/core.h>

#include "common/text/number.h"

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

std::optional<bool> BoolParameter(const HttpRequest& request, std::string_view name) {
  const std::string text = AsciiLower(request.Param(name));
  if (text.empty() || text == "0" || text == "f" || text == "false") return false;
  if (text == "1" || text == "t" || text == "true") return true;
  return std::nullopt;
}

}  // namespace opssight
