// CPU a span, a data point and a log record to decode, from protobuf and from JSON.
// Requests are like an SDK's: 512 spans of about 300 bytes; 50 metrics of one service.
#include <cstdio>
#include <ctime>
#include <string>

#include <fmt/format.h>

#include "common/base/clock.h"
#include "common/codec/otlp/metrics.h"
#include "common/codec/otlp/otlp.h"
#include "schemas/otlp.pb.h"

namespace opssight::bench {
namespace {

constexpr int kItems = 512;
constexpr std::uint64_t kTime = 1'767'225'600'000'000'000;

double CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The best of some rounds, each of many calls.
template <class F>
void Measure(const char* name, std::size_t bytes, F decode) {
  constexpr int kRounds = 7;
  constexpr int kCalls = 40;
  double best = 1e300;
  std::size_t items = 0;
  for (int round = 0; round < kRounds; ++round) {
    items = 0;
    const double start = CpuNs();
    for (int call = 0; call < kCalls; ++call) items += decode();
    best = std::min(best, (CpuNs() - start) / static_cast<double>(items));
  }
  const double per_item = static_cast<double>(bytes * kCalls) / static_cast<double>(items);
  std::printf("%-28s %8.0f ns an item, %5.0f bytes each\n", name, best, per_item);
}

template <class Attributes>
void Add(Attributes* to, const std::string& key, const std::string& value) {
  auto* one = to->Add();
  one->set_key(key);
  one->mutable_value()->set_string_value(value);
}

template <class Resource>
void FillResource(Resource* resource) {
  Add(resource->mutable_attributes(), "service.name", "checkout");
  Add(resource->mutable_attributes(), "service.instance.id",
      "627cc493-f310-47de-96bd-71410b7dec09");
  Add(resource->mutable_attributes(), "host.name", "node-17");
  Add(resource->mutable_attributes(), "process.runtime.name", "nodejs");
  Add(resource->mutable_attributes(), "telemetry.sdk.language", "nodejs");
}

std::string TracesProtobuf() {
  wire::otlp::ExportTraceServiceRequest request;
  auto* entry = request.add_resource_spans();
  FillResource(entry->mutable_resource());
  auto* scope = entry->add_scope_spans();
  scope->mutable_scope()->set_name("@opentelemetry/instrumentation-http");
  for (int i = 0; i < kItems; ++i) {
    auto* span = scope->add_spans();
    span->set_trace_id(fmt::format("{:016d}", i / 8 + 1));
    span->set_span_id(fmt::format("{:08d}", i + 1));
    span->set_parent_span_id(fmt::format("{:08d}", i));
    span->set_name("GET /api/orders");
    span->set_kind(wire::otlp::Span::SPAN_KIND_SERVER);
    span->set_start_time_unix_nano(kTime + static_cast<std::uint64_t>(i));
    span->set_end_time_unix_nano(kTime + 1'000'000);
    Add(span->mutable_attributes(), "http.request.method", "GET");
    Add(span->mutable_attributes(), "url.path", fmt::format("/api/orders/{}", i));
    Add(span->mutable_attributes(), "http.route", "/api/orders/:id");
    Add(span->mutable_attributes(), "server.address", "orders.internal");
    Add(span->mutable_attributes(), "network.protocol.version", "1.1");
    auto* status = span->add_attributes();
    status->set_key("http.response.status_code");
    status->mutable_value()->set_int_value(200);
  }
  return request.SerializeAsString();
}

std::string TracesJson() {
  std::string spans;
  for (int i = 0; i < kItems; ++i) {
    spans += fmt::format(
        R"({}{{"traceId":"{:032x}","spanId":"{:016x}","parentSpanId":"{:016x}",)"
        R"("name":"GET /api/orders","kind":2,"startTimeUnixNano":"{}","endTimeUnixNano":"{}",)"
        R"("attributes":[{{"key":"http.request.method","value":{{"stringValue":"GET"}}}},)"
        R"({{"key":"url.path","value":{{"stringValue":"/api/orders/{}"}}}},)"
        R"({{"key":"http.route","value":{{"stringValue":"/api/orders/:id"}}}},)"
        R"({{"key":"server.address","value":{{"stringValue":"orders.internal"}}}},)"
        R"({{"key":"network.protocol.version","value":{{"stringValue":"1.1"}}}},)"
        R"({{"key":"http.response.status_code","value":{{"intValue":200}}}}],)"
        R"("status":{{"code":0}},"events":[],"links":[]}})",
        i == 0 ? "" : ",", i / 8 + 1, i + 1, i + 1, kTime, kTime + 1000, i);
  }
  return R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":)"
         R"({"stringValue":"checkout"}}]},"scopeSpans":[{"scope":{"name":"http"},"spans":[)" +
         spans + "]}]}]}";
}

std::string MetricsProtobuf(bool histograms) {
  wire::otlp::ExportMetricsServiceRequest request;
  auto* entry = request.add_resource_metrics();
  FillResource(entry->mutable_resource());
  auto* scope = entry->add_scope_metrics();
  for (int i = 0; i < 50; ++i) {
    auto* metric = scope->add_metrics();
    metric->set_name(fmt::format("http.server.thing.{}", i));
    metric->set_unit("s");
    for (int j = 0; j < 10; ++j) {
      const auto fill = [&](auto* point) {
        point->set_time_unix_nano(kTime);
        Add(point->mutable_attributes(), "http.request.method", "GET");
        Add(point->mutable_attributes(), "http.route", fmt::format("/api/route{}", j));
        Add(point->mutable_attributes(), "http.response.status_code", "200");
      };
      if (!histograms) {
        auto* sum = metric->mutable_sum();
        sum->set_aggregation_temporality(wire::otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
        sum->set_is_monotonic(true);
        auto* point = sum->add_data_points();
        fill(point);
        point->set_as_int(i * j);
        continue;
      }
      auto* histogram = metric->mutable_histogram();
      histogram->set_aggregation_temporality(wire::otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
      auto* point = histogram->add_data_points();
      fill(point);
      for (int k = 0; k < 15; ++k) point->add_explicit_bounds(k * 10);
      for (int k = 0; k < 16; ++k) point->add_bucket_counts(static_cast<std::uint64_t>(k));
      point->set_count(120);
      point->set_sum(1e4);
    }
  }
  return request.SerializeAsString();
}

std::string LogsProtobuf() {
  wire::otlp::ExportLogsServiceRequest request;
  auto* entry = request.add_resource_logs();
  FillResource(entry->mutable_resource());
  auto* scope = entry->add_scope_logs();
  for (int i = 0; i < kItems; ++i) {
    auto* record = scope->add_log_records();
    record->set_time_unix_nano(kTime);
    record->set_severity_number(wire::otlp::SEVERITY_NUMBER_INFO);
    record->set_severity_text("INFO");
    record->set_trace_id(std::string(16, 'a'));
    record->set_span_id(std::string(8, 'b'));
    record->mutable_body()->set_string_value(
        fmt::format("order {} was paid by card, took 12 ms, customer 4711", i));
    Add(record->mutable_attributes(), "order.id", std::to_string(i));
  }
  return request.SerializeAsString();
}

void Run() {
  const OtlpLimits limits;
  const auto traces = [&](const std::string& body, OtlpEncoding encoding) {
    return DecodeOtlpTraces(body, encoding, limits, Clock::System().WallNs())->spans.size();
  };
  const std::string spans = TracesProtobuf(), spans_json = TracesJson();
  Measure("span, protobuf", spans.size(), [&] { return traces(spans, OtlpEncoding::kProtobuf); });
  Measure("span, JSON", spans_json.size(), [&] { return traces(spans_json, OtlpEncoding::kJson); });
  OtlpMetricsDecoder decoder({});
  const auto metrics = [&](const std::string& body) {
    return decoder.Decode(body, OtlpEncoding::kProtobuf, 0)->outcome.accepted;
  };
  const std::string sums = MetricsProtobuf(false), histograms = MetricsProtobuf(true);
  Measure("sum point, protobuf", sums.size(), [&] { return metrics(sums); });
  Measure("histogram point (18 series)", histograms.size(), [&] { return metrics(histograms); });
  const std::string logs = LogsProtobuf();
  Measure("log record, protobuf", logs.size(), [&] {
    return DecodeOtlpLogs(logs, OtlpEncoding::kProtobuf, limits, {}, 0)->outcome.accepted;
  });
}

}  // namespace
}  // namespace opssight::bench

int main() {
  opssight::bench::Run();
  return 0;
}
