// Decoded records as text, one line each, so that a test is a line; and requests
// made from JSON in which ' stands for ".
#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/codec/otlp/json_message.h"
#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/otlp.h"
#include "common/text/base64.h"
#include "common/text/number.h"
#include "schemas/otlp.pb.h"

namespace opssight {

inline std::string Json(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return text;
}

inline std::string ReadData(const std::string& name) {
  std::ifstream file(std::string(OPS_SOURCE_DIR "/tests/data/otlp/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same request as protobuf; "" where the JSON does not fit the schema.
inline std::string ToProtobuf(Signal signal, std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return {};
  wire::otlp::ExportTraceServiceRequest traces;
  wire::otlp::ExportLogsServiceRequest logs;
  wire::otlp::ExportMetricsServiceRequest metrics;
  google::protobuf::Message* message = &traces;
  if (signal == Signal::kLogs) message = &logs;
  if (signal == Signal::kMetrics) message = &metrics;
  std::size_t nodes = 10'000'000;
  if (!FillMessage(root, *message, nodes).has_value()) return {};
  return message->SerializeAsString();
}

inline std::string Dump(const std::vector<Attribute>& attributes) {
  std::string out = "{";
  for (const Attribute& one : attributes) {
    out +=
        fmt::format("{}={}:{} ", one.key, static_cast<int>(one.value.type), one.value.ToString());
  }
  if (out.size() > 1) out.pop_back();
  return out + "}";
}

template <class Id>
std::string IdText(const Id& id) {
  return Hex({reinterpret_cast<const char*>(id.data()), id.size()});
}

inline std::string Dump(const Span& span) {
  std::string out = fmt::format(
      "{} {} {} {} kind={} status={}:{} {}-{} flags={} state={} {} res{} scope={}/{}{}",
      IdText(span.trace_id), IdText(span.span_id), IdText(span.parent_span_id), span.name,
      span.kind, span.status_code, span.status_message, span.start_ns, span.end_ns, span.flags,
      span.trace_state, Dump(span.attributes), Dump(span.resource->attributes), span.scope->name,
      span.scope->version, Dump(span.scope->attributes));
  for (const SpanEvent& event : span.events) {
    out += fmt::format(" event {} {} {}", event.time_ns, event.name, Dump(event.attributes));
  }
  for (const SpanLink& link : span.links) {
    out += fmt::format(" link {} {} {} {}", IdText(link.trace_id), IdText(link.span_id),
                       link.trace_state, Dump(link.attributes));
  }
  return out;
}

inline std::vector<std::string> Dump(const std::vector<Span>& spans) {
  std::vector<std::string> out;
  for (const Span& span : spans) out.push_back(Dump(span));
  return out;
}

inline std::vector<std::string> Dump(const std::vector<LogRows>& streams) {
  std::vector<std::string> out;
  for (const LogRows& rows : streams) {
    std::size_t begin = 0, next = 0;
    for (std::uint32_t i = 0; i < rows.rows.size(); ++i) {
      std::string line = fmt::format("{} {} {}", rows.stream->ToString(), rows.rows[i].time_ns,
                                     rows.text.substr(begin, rows.rows[i].end - begin));
      begin = rows.rows[i].end;
      for (; next < rows.metadata.size() && rows.metadata[next].row == i; ++next) {
        line +=
            fmt::format(" {}={}", rows.metadata[next].label.name, rows.metadata[next].label.value);
      }
      out.push_back(line);
    }
  }
  return out;
}

inline std::vector<std::string> Dump(const std::vector<MetricRow>& rows) {
  static constexpr std::string_view kTypes[] = {"unknown",   "counter", "gauge",
                                                "histogram", "summary", "info"};
  std::vector<std::string> out;
  for (const MetricRow& row : rows) {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const LayoutSeries& series = row.layout->series()[i];
      std::uint64_t bits = 0;
      std::copy_n(reinterpret_cast<const char*>(&row.values[i]), 8, reinterpret_cast<char*>(&bits));
      out.push_back(fmt::format("{} {} {} {}", series.labels.PrometheusText(),
                                bits == kStaleNanBits ? "stale" : FormatDouble(row.values[i]),
                                row.time_ms, kTypes[static_cast<int>(series.type)]));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace opssight
