#include "agent/otlp/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/null_sink.h"

namespace opssight {
namespace {

// A spool that is always quick.
class MemorySink final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override { metrics.push_back(std::move(row)); }
  void AcceptLogs(LogRows rows, std::vector<Position> positions) override {
    EXPECT_TRUE(positions.empty());
    logs.push_back(std::move(rows));
  }
  void AcceptSpans(std::vector<Span> more) override { spans += more.size(); }
  bool Congested() const override { return congested; }

  std::vector<MetricRow> metrics;
  std::vector<LogRows> logs;
  std::size_t spans = 0;
  bool congested = false;
};

TEST(OtlpReceiverTest, FeedsTheSinkOnItsLoop) {
  Loop loop("otlp");
  MemorySink sink;
  FakeClock clock;
  OtlpOptions options;
  options.metrics.labels = {{"host", "h1"}};
  options.stream_labels = {{"host", "h1"}};
  OtlpReceiver receiver(loop, options, sink, clock);
  std::vector<int> statuses;
  const auto post = [&](const std::string& path, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.headers.emplace_back("content-type", "application/json");
    request.body = body;
    loop.RunSync([&] {
      receiver.Handle(request, [&](HttpResponse response) { statuses.push_back(response.status); });
    });
  };
  post(
      "/v1/traces",
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",)"
      R"("spanId":"eee19b7ec3c1b174","startTimeUnixNano":"1"}]}]}]})");
  post("/v1/logs", R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1"}]}]}]})");
  post("/v1/metrics",
       R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[)"
       R"({"timeUnixNano":"5000000","asInt":"1"}]}}]}]}]})");
  sink.congested = true;
  post("/v1/logs", "{}");
  EXPECT_THAT(statuses, testing::ElementsAre(200, 200, 200, 503));
  EXPECT_EQ(sink.spans, 1U);
  ASSERT_EQ(sink.logs.size(), 1U);
  EXPECT_EQ(sink.logs[0].stream->Get("host"), "h1");
  ASSERT_EQ(sink.metrics.size(), 1U);
  EXPECT_EQ(sink.metrics[0].layout->series()[0].labels.Get("host"), "h1");
  EXPECT_EQ(receiver.stats().accepted[static_cast<std::size_t>(Signal::kSpans)].value(), 1U);
}

}  // namespace
}  // namespace opssight
