// A request says the same as JSON and as protobuf, for the data of other projects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

constexpr std::int64_t kNow = 1'767'225'600'000'000'000;

struct Case {
  std::string name;
  Signal signal;
  std::string json;
};

// fluent-bit keeps many requests in one file, each under its name as "input".
void AppendInputs(const std::string& file, Signal signal, std::vector<Case>& cases) {
  simdjson::dom::parser parser;
  simdjson::dom::object all;
  const std::string text = ReadData(file);
  ASSERT_EQ(parser.parse(text).get_object().get(all), simdjson::SUCCESS) << file;
  for (const auto pair : all) {
    simdjson::dom::element input;
    if (pair.value["input"].get(input) != simdjson::SUCCESS) continue;
    cases.push_back({file + ":" + std::string(pair.key), signal, simdjson::minify(input)});
  }
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  AppendInputs("fluent-bit/logs.json", Signal::kLogs, cases);
  AppendInputs("fluent-bit/metrics.json", Signal::kMetrics, cases);
  AppendInputs("fluent-bit/traces.json", Signal::kSpans, cases);
  const std::pair<const char*, Signal> files[] = {
      {"otlp-proto-examples/trace.json", Signal::kSpans},
      {"otlp-proto-examples/logs.json", Signal::kLogs},
      {"otlp-proto-examples/events.json", Signal::kLogs},
      {"otlp-proto-examples/metrics.json", Signal::kMetrics},
      {"alloy/trace-sample.json", Signal::kSpans},
      {"alloy/unpaired-trace-sample.json", Signal::kSpans},
      {"jaeger/otlp2jaeger-in.json", Signal::kSpans},
      {"fluent-bit/in_opentelemetry/test_logs_001.in.json", Signal::kLogs},
      {"fluent-bit/in_opentelemetry/test_logs_2038.in.json", Signal::kLogs},
      {"fluent-bit/in_opentelemetry/test_metrics_001.in.json", Signal::kMetrics},
      {"fluent-bit/in_opentelemetry/test_metrics_002.in.json", Signal::kMetrics},
      {"fluent-bit/in_opentelemetry/test_traces_001.in.json", Signal::kSpans},
      {"fluent-bit/in_opentelemetry/test_traces_002.in.json", Signal::kSpans}};
  for (const auto& [file, signal] : files) cases.push_back({file, signal, ReadData(file)});
  return cases;
}

struct Decoded {
  bool ok = false;
  std::vector<std::string> lines;
  std::uint64_t rejected = 0;
};

template <class T, class Rows>
Decoded Of(const Result<T>& result, Rows rows) {
  if (!result) return {};
  return {true, Dump(rows(*result)), result->outcome.rejected()};
}

Decoded Decode(Signal signal, std::string_view bytes, OtlpEncoding encoding) {
  switch (signal) {
    case Signal::kSpans:
      return Of(DecodeOtlpTraces(bytes, encoding, {}, kNow), [](const auto& x) { return x.spans; });
    case Signal::kLogs:
      return Of(DecodeOtlpLogs(bytes, encoding, {}, {}, kNow),
                [](const auto& x) { return x.rows; });
    case Signal::kMetrics:
      break;
  }
  OtlpMetricsDecoder decoder({});
  return Of(decoder.Decode(bytes, encoding, kNow / 1'000'000),
            [](const auto& x) { return x.rows; });
}

TEST(OtlpSameTest, JsonAndProtobufOfTheWorldsExamples) {
  std::size_t compared = 0, items = 0;
  for (const Case& one : Cases()) {
    SCOPED_TRACE(one.name);
    const Decoded json = Decode(one.signal, one.json, OtlpEncoding::kJson);
    const std::string bytes = ToProtobuf(one.signal, one.json);
    if (bytes.empty()) continue;  // Not of the schema; JSON alone may keep a part of it.
    const Decoded protobuf = Decode(one.signal, bytes, OtlpEncoding::kProtobuf);
    EXPECT_TRUE(json.ok);
    EXPECT_TRUE(protobuf.ok);
    EXPECT_EQ(json.lines, protobuf.lines);
    EXPECT_EQ(json.rejected, protobuf.rejected);
    ++compared;
    items += json.lines.size();
  }
  EXPECT_GT(compared, 60U);
  EXPECT_GT(items, 100U);
}

TEST(OtlpSameTest, BinaryPayloadsOfFluentBit) {
  const Decoded good =
      Decode(Signal::kMetrics, ReadData("fluent-bit/cmetrics_otlp_null_label_histogram.bin"),
             OtlpEncoding::kProtobuf);
  EXPECT_TRUE(good.ok);
  EXPECT_EQ(good.lines.size(), 4U);
  // Its points have no time.
  const Decoded timeless =
      Decode(Signal::kMetrics, ReadData("fluent-bit/cmetrics_opentelemetry_payload.bin"),
             OtlpEncoding::kProtobuf);
  EXPECT_TRUE(timeless.ok);
  EXPECT_EQ(timeless.lines.size(), 0U);
  EXPECT_EQ(timeless.rejected, 8U);
}

}  // namespace
}  // namespace opssight
