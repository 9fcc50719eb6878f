// What answers of all the peers' APIs are made of: JSON and text responses, label sets,
// lists of names, and parameters that several APIs read the same way. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/http/message.h"
#include "common/http/responder.h"
#include "common/model/labels.h"
#include "common/text/json.h"

namespace opssight {

HttpResponse JsonResponse(int status, std::string body);
HttpResponse PageNotFound();

// invalid parameter "name": why
Error BadParameter(std::string_view name, std::string_view why);

void WriteLabels(JsonWriter& json, const Labels& labels);

// {"status":"success","data":[…]}. Loki leaves an empty list out.
HttpResponse StringsResponse(const std::set<std::string>& strings, bool omit_empty);

// "label/<name>/values" -> name.
std::optional<std::string_view> ValuesRoute(std::string_view route);

// The boolean of a parameter as Go parses it; absent: false. Nothing: it is none.
std::optional<bool> BoolParameter(const HttpRequest& request, std::string_view name);

}  // namespace opssight
