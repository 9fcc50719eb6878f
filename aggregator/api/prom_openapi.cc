// openapi.yaml, written from the router's table.
#include <array>

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

// What is no line of the table: a path with a name in it.
constexpr PromRoute kLabelValues = {"label/{name}/values", PromRoute::kGet, nullptr,
                                    "Values of a label.", "start end match[] limit"};

// And what programs send to each other, which others answer.
struct Message {
  std::string_view path;
  std::string_view summary;
  std::string_view content;
};
constexpr auto kMessages = std::to_array<Message>({
    {"write", "Remote write, 1.0 and 2.0.", "{application/x-protobuf: {}}"},
    {"read", "Remote read, samples or chunks.", "{application/x-protobuf: {}}"},
    {"otlp/v1/metrics", "Metrics by OTLP.", "{application/x-protobuf: {}, application/json: {}}"},
});

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

std::string IdOf(std::string_view path) {
  std::string id(path);
  for (char& c : id) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!fits) c = '-';
  }
  return id;
}

void WriteMessage(const Message& message, std::string& out) {
  out += fmt::format(
      "  \"/{}\":\n    post:\n      operationId: post-{}\n      summary: \"{}\"\n"
      "      requestBody: {{required: true, content: {}}}\n"
      "      responses:\n"
      "        2XX: {{description: All is taken.}}\n"
      "        default: {{description: What is wrong, content: {{text/plain: {{}}}}}}\n",
      message.path, IdOf(message.path), message.summary, message.content);
}

void WriteOperation(const PromRoute& route, std::string_view method, std::string& out) {
  out += fmt::format("    {}:\n      operationId: {}-{}\n      summary: \"{}\"\n", method, method,
                     IdOf(route.path), route.summary);
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
  for (const Message& message : kMessages) WriteMessage(message, out);
  return HttpResponse{
      .status = 200, .headers = {{"content-type", "application/yaml"}}, .body = std::move(out)};
}

}  // namespace opssight
