#include "aggregator/api/jaeger.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "aggregator/api/answer.h"
#include "common/base/clock.h"
#include "common/text/base64.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::int64_t kExactMax = (1LL << 53) - 1;  // What a JavaScript number holds.
constexpr std::string_view kServiceName = "service.name";

template <class Id>
std::string IdText(const Id& id) {
  return Hex({reinterpret_cast<const char*>(id.data()), id.size()});
}

void WriteText(JsonWriter& json, std::string_view key, std::string_view value) {
  json.Open('{').Key("key").String(key).Key("type").String("string");
  json.Key("value").String(value).Close('}');
}

void WriteAttribute(JsonWriter& json, const Attribute& attribute) {
  const Value& value = attribute.value;
  switch (value.type) {
    case ValueType::kString:
    case ValueType::kJson:
      return WriteText(json, attribute.key, value.text);
    case ValueType::kBytes:
      return WriteText(json, attribute.key, Hex(value.text));
    case ValueType::kBool:
      json.Open('{').Key("key").String(attribute.key).Key("type").String("bool");
      json.Key("value").Raw(value.integer != 0 ? "true" : "false").Close('}');
      return;
    case ValueType::kInt:
      json.Open('{').Key("key").String(attribute.key).Key("type").String("int64").Key("value");
      if (value.integer > kExactMax || value.integer < -kExactMax) {
        json.String(std::to_string(value.integer));
      } else {
        json.Int(value.integer);
      }
      json.Close('}');
      return;
    case ValueType::kDouble:
      json.Open('{').Key("key").String(attribute.key).Key("type").String("float64").Key("value");
      if (std::isfinite(value.real)) {
        json.Raw(FormatDouble(value.real));
      } else {
        json.String(FormatDouble(value.real));
      }
      json.Close('}');
      return;
  }
}

void WriteReference(JsonWriter& json, std::string_view type, const TraceId& trace,
                    const SpanId& span) {
  json.Open('{').Key("refType").String(type).Key("traceID").String(IdText(trace));
  json.Key("spanID").String(IdText(span)).Close('}');
}

void WriteTags(JsonWriter& json, const Span& span) {
  constexpr std::string_view kKinds[] = {"",       "internal", "server",
                                         "client", "producer", "consumer"};
  json.Key("tags").Open('[');
  if (span.scope != nullptr && !span.scope->name.empty()) {
    WriteText(json, "otel.scope.name", span.scope->name);
    if (!span.scope->version.empty()) WriteText(json, "otel.scope.version", span.scope->version);
  }
  for (const Attribute& attribute : span.attributes) WriteAttribute(json, attribute);
  if (span.kind >= 1 && span.kind <= 5) WriteText(json, "span.kind", kKinds[span.kind]);
  if (span.status_code == 1) WriteText(json, "otel.status_code", "OK");
  if (span.status_code == 2) {
    WriteText(json, "otel.status_code", "ERROR");
    WriteAttribute(json, {.key = "error", .value = Value::Bool(true)});
  }
  if (!span.status_message.empty()) {
    WriteText(json, "otel.status_description", span.status_message);
  }
  if (!span.trace_state.empty()) WriteText(json, "w3c.tracestate", span.trace_state);
  json.Close(']');
}

// What a resource is written by: equal ones are one process.
std::string KeyOf(const Resource& resource) {
  std::string key;
  for (const Attribute& attribute : resource.attributes) {
    key += static_cast<char>(attribute.value.type);
    AppendLabelKey(attribute.key, attribute.value.ToString(), key);
  }
  return key;
}

// The resources of a trace's spans, numbered as they come. Spans mostly share them, so their
// content is looked at once each.
class Processes {
 public:
  std::size_t Of(const Resource& resource) {
    const auto [it, fresh] = by_place_.try_emplace(&resource, list_.size());
    if (!fresh) return it->second;
    const auto [known, is_new] = by_content_.try_emplace(KeyOf(resource), list_.size());
    if (is_new) list_.push_back(&resource);
    return it->second = known->second;
  }
  const std::vector<const Resource*>& list() const { return list_; }

 private:
  std::unordered_map<const Resource*, std::size_t> by_place_;
  std::unordered_map<std::string, std::size_t> by_content_;
  std::vector<const Resource*> list_;
};

// By what the client can do about it.
int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kExhausted:
      return 422;
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

void WriteSpan(JsonWriter& json, const Span& span, std::size_t process) {
  json.Open('{').Key("traceID").String(IdText(span.trace_id));
  json.Key("spanID").String(IdText(span.span_id));
  if (span.flags != 0) json.Key("flags").Int(span.flags);
  json.Key("operationName").String(span.name).Key("references").Open('[');
  if (span.parent_span_id != SpanId{}) {
    WriteReference(json, "CHILD_OF", span.trace_id, span.parent_span_id);
  }
  for (const SpanLink& link : span.links) {
    if (link.trace_id != TraceId{}) {
      WriteReference(json, "FOLLOWS_FROM", link.trace_id, link.span_id);
    }
  }
  json.Close(']').Key("startTime").Int(span.start_ns / kNsPerUs);
  const bool ordered = span.end_ns > span.start_ns;
  json.Key("duration").Int(ordered ? span.end_ns / kNsPerUs - span.start_ns / kNsPerUs : 0);
  WriteTags(json, span);
  json.Key("logs").Open('[');
  for (const SpanEvent& event : span.events) {
    json.Open('{').Key("timestamp").Int(event.time_ns / kNsPerUs).Key("fields").Open('[');
    if (!event.name.empty()) WriteText(json, "event", event.name);
    for (const Attribute& attribute : event.attributes) WriteAttribute(json, attribute);
    json.Close(']').Close('}');
  }
  json.Close(']').Key("processID").String("p" + std::to_string(process + 1));
  json.Key("warnings").Raw("null").Close('}');
}

}  // namespace

void WriteJaegerTrace(const std::vector<Span>& spans, JsonWriter& json) {
  static const Resource kNone;
  Processes processes;
  json.Open('{').Key("traceID").String(IdText(spans.front().trace_id)).Key("spans").Open('[');
  for (const Span& span : spans) {
    WriteSpan(json, span, processes.Of(span.resource != nullptr ? *span.resource : kNone));
  }
  json.Close(']').Key("processes").Open('{');
  const std::vector<const Resource*>& list = processes.list();
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::string service = "OTLPResourceNoServiceName";
    for (const Attribute& attribute : list[i]->attributes) {
      if (attribute.key == kServiceName) service = attribute.value.ToString();
    }
    json.Key("p" + std::to_string(i + 1)).Open('{').Key("serviceName").String(service);
    json.Key("tags").Open('[');
    for (const Attribute& attribute : list[i]->attributes) {
      if (attribute.key != kServiceName) WriteAttribute(json, attribute);
    }
    json.Close(']').Close('}');
  }
  json.Close('}').Key("warnings").Raw("null").Close('}');
}

HttpResponse AnswerJaegerTrace(std::string_view id, const SpanSource& source,
                               const QueryLimits& limits) {
  const auto fail = [](int status, std::string_view message, std::string_view trace) {
    JsonWriter json;
    json.Open('{').Key("data").Raw("null").Key("total").Int(0).Key("limit").Int(0);
    json.Key("offset").Int(0).Key("errors").Open('[').Open('{').Key("code").Int(status);
    json.Key("msg").String(message);
    if (!trace.empty()) json.Key("traceID").String(trace);
    return JsonResponse(status, json.Close('}').Close(']').Close('}').Take());
  };
  std::optional<std::string> bytes;
  if (!id.empty() && id.size() <= 32) {  // Leading zeros may be left out.
    bytes = ParseHex(std::string(32 - id.size(), '0').append(id));
  }
  if (!bytes || bytes->size() != 16) return fail(400, "malformed trace ID: hex expected", "");
  TraceId trace{};
  std::copy(bytes->begin(), bytes->end(), trace.begin());
  auto spans = source.Trace(trace, limits);
  if (!spans) return fail(StatusOf(spans.error().code), spans.error().message, "");
  if (spans->empty()) return fail(404, "trace not found", Hex(*bytes));
  JsonWriter json;
  json.Open('{').Key("data").Open('[');
  WriteJaegerTrace(*spans, json);
  json.Close(']').Key("total").Int(0).Key("limit").Int(0).Key("offset").Int(0);
  return JsonResponse(200, json.Key("errors").Raw("null").Close('}').Take());
}

}  // namespace opssight
