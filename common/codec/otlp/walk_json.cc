#include <simdjson.h>

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "common/codec/otlp/json_message.h"
#include "common/codec/otlp/request.h"
#include "common/text/number.h"

namespace opssight::otlp {
namespace {

using google::protobuf::Message;
using simdjson::dom::element;
using simdjson::dom::object;

struct Names {
  std::string_view camel;
  std::string_view snake;
};
struct Shape {
  Names entries;
  Names scopes;
  Names items;
};

const Shape& ShapeOf(Signal signal) {
  static constexpr Shape kMetrics = {{"resourceMetrics", "resource_metrics"},
                                     {"scopeMetrics", "scope_metrics"},
                                     {"metrics", "metrics"}};
  static constexpr Shape kLogs = {{"resourceLogs", "resource_logs"},
                                  {"scopeLogs", "scope_logs"},
                                  {"logRecords", "log_records"}};
  static constexpr Shape kSpans = {
      {"resourceSpans", "resource_spans"}, {"scopeSpans", "scope_spans"}, {"spans", "spans"}};
  if (signal == Signal::kMetrics) return kMetrics;
  return signal == Signal::kLogs ? kLogs : kSpans;
}

struct KindName {
  Names names;
  MetricHead::Kind kind;
};
constexpr KindName kKinds[] = {
    {{"gauge", "gauge"}, MetricHead::Kind::kGauge},
    {{"sum", "sum"}, MetricHead::Kind::kSum},
    {{"histogram", "histogram"}, MetricHead::Kind::kHistogram},
    {{"exponentialHistogram", "exponential_histogram"}, MetricHead::Kind::kExponential},
    {{"summary", "summary"}, MetricHead::Kind::kSummary},
};

class Walker {
 public:
  Walker(Signal signal, Feed& feed) : signal_(signal), feed_(feed), shape_(ShapeOf(signal)) {}

  Status Request(element root) {
    return Each(root, shape_.entries, [&](element entry) -> Status {
      OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
      OPS_RETURN_IF_ERROR(Head(entry, "resource", Part::kResource));
      return Each(entry, shape_.scopes, [&](element scope) { return Scope(scope); });
    });
  }

 private:
  template <class F>
  Status Each(element parent, const Names& names, F each) {
    object members;
    if (parent.get_object().get(members) != simdjson::SUCCESS) {
      return Invalid(fmt::format("what holds {} is not an object", names.camel));
    }
    element value;
    if (!JsonMember(members, names.camel, names.snake, value)) return {};
    simdjson::dom::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) {
      return Invalid(fmt::format("{} is not an array", names.camel));
    }
    for (const element item : array) OPS_RETURN_IF_ERROR(each(item));
    return {};
  }

  Status Head(element entry, std::string_view name, Part part) {
    object members;
    element json;
    Message& message = feed_.Blank(part);
    if (entry.get_object().get(members) == simdjson::SUCCESS &&
        JsonMember(members, name, name, json)) {
      if (auto status = Fill(json, message); !status.has_value()) {
        return Invalid(fmt::format("{}: {}", name, status.error().message));
      }
    }
    if (part == Part::kResource) {
      feed_.visitor().OnResource(message);
    } else {
      feed_.visitor().OnScope(message);
    }
    return {};
  }

  Status Scope(element scope) {
    OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
    OPS_RETURN_IF_ERROR(Head(scope, "scope", Part::kScope));
    return Each(scope, shape_.items, [&](element item) {
      if (signal_ == Signal::kMetrics) return Metric(item);
      Item(signal_ == Signal::kSpans ? Part::kSpan : Part::kLogRecord, item);
      return Status();
    });
  }

  Status Metric(element json) {
    OPS_RETURN_IF_ERROR(feed_.AdmitEntry());
    object members;
    if (json.get_object().get(members) != simdjson::SUCCESS) {
      return Invalid("a metric is not an object");
    }
    MetricHead head;
    element data;
    for (const KindName& kind : kKinds) {
      if (!JsonMember(members, kind.names.camel, kind.names.snake, data)) continue;
      head.kind = kind.kind;
      break;
    }
    head.name = Text(members, "name");
    head.description = Text(members, "description");
    head.unit = Text(members, "unit");
    object inner;
    if (head.kind == MetricHead::Kind::kNone) return {};
    if (data.get_object().get(inner) != simdjson::SUCCESS) {
      return Invalid("the data of a metric is not an object");
    }
    element value;
    if (JsonMember(inner, "aggregationTemporality", "aggregation_temporality", value)) {
      head.temporality = Temporality(value);
    }
    if (JsonMember(inner, "isMonotonic", "is_monotonic", value)) {
      if (value.get_bool().get(head.monotonic) != simdjson::SUCCESS) head.monotonic = false;
    }
    feed_.visitor().OnMetric(head);
    return Each(data, {"dataPoints", "data_points"}, [&](element point) {
      Item(PointPart(head.kind), point);
      return Status();
    });
  }

  static std::string Text(object members, std::string_view name) {
    element value;
    std::string_view text;
    if (!JsonMember(members, name, name, value)) return {};
    if (value.get_string().get(text) != simdjson::SUCCESS) return {};
    return std::string(text);
  }

  static std::int64_t Temporality(element value) {
    std::int64_t number = 0;
    if (value.get_int64().get(number) == simdjson::SUCCESS) return number;
    std::string_view name;
    if (value.get_string().get(name) != simdjson::SUCCESS) return 0;
    if (name == "AGGREGATION_TEMPORALITY_DELTA") return 1;
    if (name == "AGGREGATION_TEMPORALITY_CUMULATIVE") return 2;
    return ParseInt<std::int64_t>(name).value_or(0);
  }

  void Item(Part part, element json) {
    if (!feed_.Admit(0)) return;
    Message& message = feed_.Blank(part);
    if (auto status = Fill(json, message); !status.has_value()) {
      feed_.Broken(std::move(status).error());
    } else {
      feed_.visitor().OnItem(part, message);
    }
  }

  // A value takes at least 8 bytes of JSON where it is one that somebody meant.
  Status Fill(element json, Message& message) {
    std::size_t nodes = feed_.limits().item_bytes_max / 8;
    return FillMessage(json, message, nodes);
  }

  const Signal signal_;
  Feed& feed_;
  const Shape& shape_;
};

}  // namespace

Status WalkJson(Signal signal, std::string_view bytes, Feed& feed) {
  simdjson::dom::parser parser;
  if (auto error = parser.allocate(bytes.size(), kJsonDepthMax); error != simdjson::SUCCESS) {
    return Invalid(fmt::format("JSON: {}", simdjson::error_message(error)));
  }
  element root;
  if (auto error = parser.parse(bytes.data(), bytes.size()).get(root); error != simdjson::SUCCESS) {
    return Invalid(fmt::format("JSON: {}", simdjson::error_message(error)));
  }
  return Walker(signal, feed).Request(root);
}

}  // namespace opssight::otlp
