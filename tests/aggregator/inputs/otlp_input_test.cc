#include "aggregator/inputs/otlp_input.h"

#include "tests/aggregator/inputs/fake_store.h"

namespace opssight {
namespace {

class OtlpInputTest : public testing::Test {
 protected:
  HttpResponse Send(const std::string& path, std::string json) {
    std::replace(json.begin(), json.end(), '\'', '"');
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.headers = {{"content-type", "application/json"}};
    request.body = std::move(json);
    EXPECT_TRUE(OtlpInput::Takes(request));
    auto waiter = std::make_shared<Waiter>();
    otlp_.Handle(std::move(request), waiter);
    return waiter->Wait();
  }
  static std::string Metrics(int value) {
    return "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[{'name':'g','gauge':{'dataPoints':[{"
           "'timeUnixNano':'1767225600000000000','asInt':" +
           std::to_string(value) +
           "}]}},{'name':'e','exponentialHistogram':{'aggregationTemporality':2,'dataPoints':[{"
           "'timeUnixNano':'1767225600000000000','count':1,'positive':{'bucketCounts':[1]}}]}}]}]}]"
           "}";
  }

  FakeClock clock_{1'767'225'600 * kNsPerSecond};
  FakeStore store_;
  OtlpInput otlp_{{}, store_, clock_, {}};
};

TEST_F(OtlpInputTest, TakesOnlyItsPaths) {
  HttpRequest request;
  for (const char* path :
       {"/v1/metrics", "/api/v1/otlp/v1/metrics", "/otlp/v1/logs", "/v1/traces"}) {
    request.path = path;
    EXPECT_TRUE(OtlpInput::Takes(request)) << path;
  }
  for (const char* path : {"/api/v1/query", "/v1/other", "/"}) {
    request.path = path;
    EXPECT_FALSE(OtlpInput::Takes(request)) << path;
  }
}

TEST_F(OtlpInputTest, MetricsAreABatchWithTheirLayouts) {
  EXPECT_EQ(Send("/api/v1/otlp/v1/metrics", Metrics(1)).status, 200);
  ASSERT_EQ(store_.count(), 1U);
  IncomingBatch batch = store_.Last();
  ASSERT_EQ(batch.decoded->metrics().size(), 1U);
  EXPECT_EQ(batch.decoded->metrics()[0].values[0], 1);
  EXPECT_EQ(batch.decoded->histograms().size(), 1U);
  EXPECT_EQ(batch.decoded->metadata().size(), 2U);
  ASSERT_EQ(batch.layouts.size(), 1U);
  EXPECT_EQ(Send("/v1/metrics", Metrics(2)).status, 200);
  batch = store_.Last();
  EXPECT_EQ(batch.decoded->metrics()[0].values[0], 2);
  EXPECT_TRUE(batch.layouts.empty());
  EXPECT_TRUE(batch.decoded->metadata().empty());
}

TEST_F(OtlpInputTest, ARefusalOfTheStoreIsUnavailableAndTheRepeatBringsAll) {
  EXPECT_EQ(Send("/v1/metrics", Metrics(1)).status, 200);
  store_.Fail(Invalid("a layout that did not come"));
  EXPECT_EQ(Send("/v1/metrics", Metrics(2)).status, 503);
  store_.Fail(std::nullopt);
  EXPECT_EQ(Send("/v1/metrics", Metrics(2)).status, 200);
  EXPECT_EQ(store_.Last().layouts.size(), 1U);
  EXPECT_EQ(store_.Last().decoded->metadata().size(), 2U);
}

TEST_F(OtlpInputTest, LogsAndSpansGoToTheStoreAsWell) {
  EXPECT_EQ(
      Send("/v1/logs",
           "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'body':{'stringValue':'hi'}}]}]}]}")
          .status,
      200);
  EXPECT_EQ(store_.Last().decoded->logs().size(), 1U);
  EXPECT_EQ(Send("/v1/traces",
                 "{'resourceSpans':[{'scopeSpans':[{'spans':[{'traceId':'"
                 "000102030405060708090a0b0c0d0e0f','spanId':'0001020304050607','name':'n',"
                 "'startTimeUnixNano':5,'endTimeUnixNano':6}]}]}]}")
                .status,
            200);
  EXPECT_EQ(store_.Last().decoded->spans().size(), 1U);
}

}  // namespace
}  // namespace opssight
