#include "aggregator/inputs/remote_write.h"

#include "common/bytes/snappy.h"
#include "tests/aggregator/inputs/fake_store.h"
#include "tests/aggregator/inputs/intake_fixture.h"

namespace opssight {
namespace {

class RemoteWriteTest : public testing::Test {
 protected:
  static HttpRequest Request(std::string body, std::string_view type = "application/x-protobuf") {
    HttpRequest request;
    request.method = "POST";
    request.path = RemoteWrite::kPath;
    request.headers = {{"content-type", std::string(type)}, {"content-encoding", "snappy"}};
    request.body = std::move(body);
    return request;
  }
  HttpResponse Send(HttpRequest request) {
    auto waiter = std::make_shared<Waiter>();
    write_.Handle(std::move(request), waiter);
    return waiter->Wait();
  }
  HttpResponse Send(const std::vector<TestSeries>& series) {
    return Send(Request(SnappyCompress(EncodeTest(series, WriteVersion::kV1))));
  }
  HttpResponse SendV2(const std::vector<TestSeries>& series) {
    return Send(Request(SnappyCompress(EncodeTest(series, WriteVersion::kV2)),
                        "application/x-protobuf;proto=io.prometheus.write.v2.Request"));
  }
  static std::string Header(const HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "none";
  }

  FakeClock clock_{kNowMs * kNsPerMs};
  FakeStore store_;
  RemoteWrite write_{{}, store_, clock_};
};

TEST_F(RemoteWriteTest, AnsweredAfterTheCommit) {
  const HttpResponse response = Send(Scrape("a", 50, kNowMs));
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(Header(response, "x-prometheus-remote-write-samples-written"), "none");
  ASSERT_EQ(store_.count(), 1U);
  const IncomingBatch batch = store_.Last();
  EXPECT_EQ(batch.agent_id, "");
  EXPECT_EQ(batch.hash, Hash64(batch.frame));
  EXPECT_FALSE(batch.layouts.empty());
  std::size_t values = 0;
  for (const MetricRowsView& rows : batch.decoded->metrics()) values += rows.values.size();
  EXPECT_EQ(values, 50U);
  EXPECT_EQ(write_.stats().samples.value(), 50U);
  EXPECT_EQ(Send(Scrape("a", 50, kNowMs + 1)).status, 204);
  EXPECT_TRUE(store_.Last().layouts.empty());
}

TEST_F(RemoteWriteTest, TwoSaysHowMuchWasWritten) {
  std::vector<TestSeries> series = Scrape("a", 3, kNowMs);
  series[1].samples[0].time_ms = kNowMs + 3'600'000;
  const HttpResponse response = SendV2(series);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "out of bounds: timestamp is too far in the future\n");
  EXPECT_EQ(Header(response, "x-prometheus-remote-write-samples-written"), "2");
  EXPECT_EQ(Header(response, "x-prometheus-remote-write-histograms-written"), "0");
  EXPECT_EQ(Header(response, "x-prometheus-remote-write-exemplars-written"), "0");
  EXPECT_EQ(store_.count(), 1U);
  EXPECT_EQ(write_.stats().requests[RemoteWriteStats::kPartial].value(), 1U);
}

TEST_F(RemoteWriteTest, OneIsRefusedAsAWhole) {
  std::vector<TestSeries> series = Scrape("a", 3, kNowMs);
  series[1].samples[0].time_ms = kNowMs + 3'600'000;
  const HttpResponse response = Send(series);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "out of bounds: timestamp is too far in the future\n");
  EXPECT_EQ(store_.count(), 0U);
}

TEST_F(RemoteWriteTest, WhatIsNoRequest) {
  EXPECT_EQ(Send(Request("zzzz")).status, 400);
  EXPECT_EQ(Send(Request(SnappyCompress("\xff\xff"))).status, 400);
  EXPECT_EQ(Send(Request(std::string("\xff\xff\xff\xff\x0f\x00", 6))).status, 413);  // A bomb.
  EXPECT_EQ(Send(Request("", "text/plain")).status, 415);
  EXPECT_EQ(Send(Request("", "application/x-protobuf;proto=x.Y")).status, 415);
  HttpRequest zstd = Request("");
  zstd.headers[1].second = "zstd";
  EXPECT_EQ(Send(zstd).status, 415);
  HttpRequest get = Request("");
  get.method = "GET";
  EXPECT_EQ(Send(get).status, 405);
  EXPECT_EQ(store_.count(), 0U);
  EXPECT_EQ(write_.stats().requests[RemoteWriteStats::kUnsupported].value(), 4U);
  EXPECT_EQ(write_.stats().requests[RemoteWriteStats::kTooLarge].value(), 1U);
  EXPECT_EQ(write_.stats().requests[RemoteWriteStats::kInvalid].value(), 2U);
}

TEST_F(RemoteWriteTest, WhatTheStoreCannotTakeComesAgain) {
  EXPECT_EQ(Send(Scrape("a", 5, kNowMs)).status, 204);
  store_.Fail(Unavailable("disk full"));
  const HttpResponse response = Send(Scrape("a", 5, kNowMs + 1));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(Header(response, "retry-after"), "1");
  EXPECT_EQ(response.body, "not stored: disk full\n");
  // A layout that the store lost is brought again with the next try.
  store_.Fail(Invalid("unknown layout"));
  EXPECT_EQ(Send(Scrape("a", 5, kNowMs + 1)).status, 503);
  store_.Fail(std::nullopt);
  EXPECT_EQ(Send(Scrape("a", 5, kNowMs + 1)).status, 204);
  EXPECT_FALSE(store_.Last().layouts.empty());
}

TEST_F(RemoteWriteTest, MetricsHaveTheirNames) {
  Registry registry;
  write_.AddMetrics(registry);
  EXPECT_THAT(registry.PrometheusText(),
              testing::HasSubstr("opssight_remote_write_requests_total{result=\"ok\"} 0"));
}

}  // namespace
}  // namespace opssight
