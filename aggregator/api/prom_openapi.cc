// openapi.yaml, written from the router's table.
#include <fmt/format.h>

#include "aggregator/api/prom_endpoints.h"
#include "aggregator/api/prom_routes.h"

namespace opssight {
namespace {

constexpr std::string_view kHead = R"(openapi: 3.1.0
info:
  title: Prometheus HTTP API of OpsSight
  version: {}
servers:
  - url: /api/v1
components:
  schemas:
    Answer:
      type: object
      required: [status]
      properties:
        status: {{type: string, enum: [success, error]}}
        data: {{}}
        errorType: {{type: string}}
        error: {{type: string}}
        warnings: {{type: array, items: {{type: string}}}}
        infos: {{type: array, items: {{type: string}}}}
paths:
)";

// Those that are no lines of the table: of a path with a name in it, and of what is written.
constexpr PromRoute kLabelValues = {"label/{name}/values", PromRoute::kGet, nullptr,
                                    "Values of a label.", "start end match[] limit"};

// Calls put(name, required) for each parameter.
template <class Put>
void EachParameter(std::string_view params, Put put) {
  while (!params.empty()) {
    const std::size_t end = params.find(' ');
    std::string_view name = params.substr(0, end);
    params = end == std::string_view::npos ? std::string_view() : params.substr(end + 1);
    const bool required = name.ends_with('!');
    if (required) name.remove_suffix(1);
    put(name, required);
  }
}

void WriteParameters(const PromRoute& route, std::string& out) {
  const bool named = route.path.find('{') != std::string_view::npos;
  if (!named && route.params.empty()) return;
  out += "      parameters:\n";
  if (named) out += "        - {name: name, in: path, required: true, schema: {type: string}}\n";
  EachParameter(route.params, [&out](std::string_view name, bool required) {
    const bool list = name.ends_with("[]");
    out += fmt::format("        - {{name: \"{}\", in: query, required: {}, schema: {}}}\n", name,
                       required, list ? "{type: array, items: {type: string}}" : "{type: string}");
  });
}

void WriteForm(const PromRoute& route, std::string& out) {
  if (route.params.empty()) return;
  out +=
      "      requestBody:\n"
      "        content:\n"
      "          application/x-www-form-urlencoded:\n"
      "            schema:\n"
      "              type: object\n"
      "              properties:\n";
  EachParameter(route.params, [&out](std::string_view name, bool) {
    const bool list = name.ends_with("[]");
    out += fmt::format("                \"{}\": {}\n", name,
                       list ? "{type: array, items: {type: string}}" : "{type: string}");
  });
}

void WriteOperation(const PromRoute& route, std::string_view method, std::string& out) {
  std::string id(route.path);
  for (char& c : id) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!fits) c = '-';
  }
  out += fmt::format("    {}:\n      operationId: {}-{}\n      summary: \"{}\"\n", method, method,
                     id, route.summary);
  // A form may carry what is required, so that none is required of the URL.
  if (method == "get") {
    WriteParameters(route, out);
  } else {
    WriteForm(route, out);
  }
  out +=
      "      responses:\n"
      "        default:\n"
      "          description: The answer, or what is wrong.\n"
      "          content: {application/json: {schema: {$ref: '#/components/schemas/Answer'}}}\n";
}

void WritePath(const PromRoute& route, std::string& out) {
  out += fmt::format("  \"/{}\":\n", route.path);
  if ((route.methods & PromRoute::kGet) != 0) WriteOperation(route, "get", out);
  if ((route.methods & PromRoute::kPost) != 0) WriteOperation(route, "post", out);
  if ((route.methods & PromRoute::kPut) != 0) WriteOperation(route, "put", out);
}

}  // namespace

PromResult AnswerOpenApi(const PromContext& context, const PromCall&) {
  const ServerInfo* info = context.sources.server;
  std::string out = fmt::format(fmt::runtime(kHead),
                                info == nullptr || info->version.empty() ? "0" : info->version);
  for (const PromRoute& route : PromRoutes()) WritePath(route, out);
  WritePath(kLabelValues, out);
  return HttpResponse{
      .status = 200, .headers = {{"content-type", "application/yaml"}}, .body = std::move(out)};
}

}  // namespace opssight
