#include "common/otlp/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/codec/grpc/grpc.h"
#include "common/codec/http/content.h"
#include "common/selfmon/registry.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class FakeConsumer final : public OtlpConsumer {
 public:
  void AcceptMetrics(MetricRow row) override { metrics.push_back(std::move(row)); }
  void AcceptHistograms(std::vector<HistogramRow> rows) override {
    ++histogram_pieces;
    histograms += rows.size();
  }
  void AcceptExemplars(std::vector<Exemplar> all) override { exemplars += all.size(); }
  void AcceptMetadata(std::vector<MetricMetadata> all) override { metadata += all.size(); }
  void AcceptLogs(LogRows rows) override { logs.push_back(std::move(rows)); }
  void AcceptSpans(std::vector<Span> more) override {
    ++span_pieces;
    for (Span& span : more) spans.push_back(std::move(span));
  }
  void Commit(std::function<void(Status)> done) override { commits.push_back(std::move(done)); }
  bool Congested() const override { return congested; }
  bool KeepsRefused() const override { return keeps_refused; }

  std::vector<MetricRow> metrics;
  std::vector<LogRows> logs;
  std::vector<Span> spans;
  std::vector<std::function<void(Status)>> commits;
  std::size_t span_pieces = 0;
  std::size_t histogram_pieces = 0;
  std::size_t histograms = 0;
  std::size_t exemplars = 0;
  std::size_t metadata = 0;
  bool congested = false;
  bool keeps_refused = false;
};

std::string OneSpan(bool good = true) {
  wire::otlp::ExportTraceServiceRequest request;
  auto* span = request.add_resource_spans()->add_scope_spans()->add_spans();
  if (good) span->set_trace_id(std::string(16, 1));
  span->set_span_id(std::string(8, 2));
  span->set_start_time_unix_nano(5);
  return request.SerializeAsString();
}
constexpr const char* kLog =
    R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hi"}}]}]}]})";
constexpr const char* kMetric =
    R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[)"
    R"({"timeUnixNano":"5000000","asInt":"1"}]}}]}]}]})";

class OtlpServiceTest : public testing::Test {
 protected:
  void Use(OtlpOptions options) {
    service_ = std::make_unique<OtlpService>(std::move(options), consumer_, clock_);
  }
  // Index of its answer, once there is one.
  void Send(const std::string& path, const std::string& type, std::string body,
            Headers headers = {}, const std::string& method = "POST") {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.http_major = 2;
    request.headers = std::move(headers);
    request.headers.emplace_back("content-type", type);
    request.body = std::move(body);
    service_->Handle(request, [this](HttpResponse response) { answers_.push_back(response); });
  }
  void Post(const std::string& body) { Send("/v1/traces", "application/x-protobuf", body); }
  void Grpc(const std::string& message, Headers headers = {}) {
    std::string body;
    AppendGrpcMessage(message, body);
    Send(kMethod, "application/grpc", body, std::move(headers));
  }
  static std::string Trailer(const HttpResponse& response, std::string_view name) {
    return std::string(FindHeader(response.trailers, name));
  }
  const Counter& Requests(Signal signal, OtlpTransport transport, OtlpStats::Result result) {
    return service_->stats()
        .requests[static_cast<std::size_t>(signal)][static_cast<std::size_t>(transport)][result];
  }

  static constexpr const char* kMethod =
      "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  FakeConsumer consumer_;
  FakeClock clock_;
  std::vector<HttpResponse> answers_;
  std::unique_ptr<OtlpService> service_ =
      std::make_unique<OtlpService>(OtlpOptions{}, consumer_, clock_);
};

TEST_F(OtlpServiceTest, SuccessIsSaidOnceItIsOnDisk) {
  Post(OneSpan());
  EXPECT_EQ(consumer_.spans.size(), 1U);
  EXPECT_TRUE(answers_.empty());
  EXPECT_EQ(service_->stats().pending.value(), 1);
  ASSERT_EQ(consumer_.commits.size(), 1U);
  consumer_.commits[0]({});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].status, 200);
  EXPECT_EQ(answers_[0].body, "");
  EXPECT_EQ(service_->stats().pending.value(), 0);
  EXPECT_EQ(Requests(Signal::kSpans, OtlpTransport::kProtobuf, OtlpStats::kOk).value(), 1U);
}

TEST_F(OtlpServiceTest, AllSignalsAndTransports) {
  Send("/v1/logs", "application/json", kLog);
  Send("/v1/metrics", "application/json", kMetric);
  Grpc(OneSpan());
  for (const auto& done : consumer_.commits) done({});
  ASSERT_EQ(answers_.size(), 3U);
  EXPECT_EQ(answers_[0].body, "{}");
  EXPECT_EQ(answers_[1].body, "{}");
  EXPECT_EQ(Trailer(answers_[2], "grpc-status"), "0");
  ASSERT_EQ(consumer_.logs.size(), 1U);
  EXPECT_EQ(consumer_.logs[0].rows[0].time_ns, clock_.WallNs());
  EXPECT_EQ(consumer_.metrics.size(), 1U);
  EXPECT_EQ(consumer_.spans.size(), 1U);
}

TEST_F(OtlpServiceTest, HistogramsAreHandedOverInPieces) {
  OtlpOptions options;
  options.metrics.limits.chunk_bytes_max = 1;
  Use(options);
  Send("/v1/metrics", "application/json",
       R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","exponentialHistogram":{)"
       R"("aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"5000000"},)"
       R"({"timeUnixNano":"6000000"}]}}]}]}]})");
  EXPECT_EQ(consumer_.histograms, 2U);
  EXPECT_EQ(consumer_.histogram_pieces, 2U);
}

TEST_F(OtlpServiceTest, SpansAreHandedOverInPieces) {
  OtlpOptions options;
  options.metrics.limits.chunk_bytes_max = 1;
  Use(options);
  Post(OneSpan() + OneSpan() + OneSpan());
  EXPECT_EQ(consumer_.spans.size(), 3U);
  EXPECT_EQ(consumer_.span_pieces, 3U);
  EXPECT_EQ(consumer_.commits.size(), 1U);
}

TEST_F(OtlpServiceTest, AFailedCommitIsRetryable) {
  Post(OneSpan());
  Grpc(OneSpan());
  for (const auto& done : consumer_.commits) done(IoError("spool", 28));
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0].status, 503);
  EXPECT_THAT(answers_[0].headers, Contains(Pair("retry-after", "2")));
  EXPECT_EQ(Trailer(answers_[1], "grpc-status"), "14");
  EXPECT_NE(Trailer(answers_[1], "grpc-status-details-bin"), "");
}

TEST_F(OtlpServiceTest, ARefusedLogRequestWhoseRecordsAreHeldIsKnownAgain) {
  consumer_.keeps_refused = true;
  const auto send = [this](std::string body) {
    answers_.clear();
    consumer_.commits.clear();
    Send("/v1/logs", "application/json", std::move(body));
  };
  send(kLog);
  consumer_.commits.at(0)(IoError("spool", 28));
  EXPECT_EQ(answers_.at(0).status, 503);
  send(kLog);
  consumer_.commits.at(0)(IoError("spool", 28));
  EXPECT_EQ(answers_.at(0).status, 503) << "not stored yet";
  send(std::string(kLog) + " ");
  EXPECT_EQ(consumer_.logs.size(), 2U) << "another request";
  send(kLog);
  consumer_.commits.at(0)({});
  EXPECT_EQ(answers_.at(0).status, 200);
  EXPECT_EQ(answers_.at(0).body, "{}");
  EXPECT_EQ(consumer_.logs.size(), 2U) << "accepted once";
  EXPECT_EQ(service_->stats().repeats.value(), 2U);
  send(kLog);
  EXPECT_EQ(consumer_.logs.size(), 3U) << "after it was stored the same is more of it";
}

TEST_F(OtlpServiceTest, ARefusedRequestOfAConsumerThatHoldsNothingIsTakenAgain) {
  Send("/v1/logs", "application/json", kLog);
  consumer_.commits.at(0)(IoError("spool", 28));
  Send("/v1/logs", "application/json", kLog);
  EXPECT_EQ(consumer_.logs.size(), 2U);
  consumer_.keeps_refused = true;
  Post(OneSpan());
  consumer_.commits.back()(IoError("spool", 28));
  Post(OneSpan());
  EXPECT_EQ(consumer_.spans.size(), 2U) << "shown once, and better twice than not at all";
}

TEST(KeptRequestsTest, AreBoundedByNumberAndAge) {
  KeptRequests kept(2, 1000);
  for (const std::uint64_t hash : {1U, 2U, 3U}) kept.Add(hash, {}, 0);
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept.Find(1, 0), nullptr);
  EXPECT_NE(kept.Find(2, 999), nullptr);
  kept.Stored(2);
  EXPECT_EQ(kept.Find(2, 999), nullptr);
  EXPECT_NE(kept.Find(3, 999), nullptr);
  EXPECT_EQ(kept.Find(3, 1000), nullptr);
}

TEST_F(OtlpServiceTest, CongestionRefusesBeforeDecoding) {
  consumer_.congested = true;
  Post("no protobuf at all");
  Grpc(OneSpan());
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[0].status, 503);
  EXPECT_THAT(answers_[0].headers, Contains(Pair("retry-after", "2")));
  EXPECT_EQ(Trailer(answers_[1], "grpc-status"), "14");
  EXPECT_TRUE(consumer_.spans.empty());
  EXPECT_EQ(Requests(Signal::kSpans, OtlpTransport::kGrpc, OtlpStats::kUnavailable).value(), 1U);
}

TEST_F(OtlpServiceTest, AtMostPendingMaxWait) {
  OtlpOptions options;
  options.pending_max = 1;
  Use(options);
  Post(OneSpan());
  Post(OneSpan());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].status, 503);
}

TEST_F(OtlpServiceTest, MalformedIsNotRetryable) {
  Post("\xff");
  Send("/v1/traces", "application/json", "{");
  Grpc("\xff");
  ASSERT_EQ(answers_.size(), 3U);
  EXPECT_EQ(answers_[0].status, 400);
  EXPECT_EQ(answers_[1].status, 400);
  EXPECT_THAT(answers_[1].body, HasSubstr("\"code\":3,\"message\":\"JSON: "));
  EXPECT_EQ(Trailer(answers_[2], "grpc-status"), "3");
  for (const HttpResponse& answer : answers_) {
    EXPECT_THAT(answer.headers, Not(Contains(Pair("retry-after", testing::_))));
  }
  EXPECT_TRUE(consumer_.commits.empty());
}

TEST_F(OtlpServiceTest, TooLargeIsNotRetryable) {
  OtlpOptions options;
  options.body_bytes_max = 100;
  Use(options);
  Post(std::string(101, 'x'));
  Grpc(std::string(101, 'x'));
  std::string bomb;
  AppendGrpcMessage(GzipEncode(std::string(1000, 'x')), bomb);
  bomb[0] = 1;
  Send(kMethod, "application/grpc", bomb, {{"grpc-encoding", "gzip"}});
  ASSERT_EQ(answers_.size(), 3U);
  EXPECT_EQ(answers_[0].status, 413);
  EXPECT_EQ(Trailer(answers_[1], "grpc-status"), "8");
  EXPECT_EQ(Trailer(answers_[2], "grpc-status"), "8");
}

TEST_F(OtlpServiceTest, GrpcFraming) {
  Send(kMethod, "application/grpc", "");  // No message at all.
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(Trailer(answers_[0], "grpc-status"), "13");
  std::string packed;
  AppendGrpcMessage("x", packed);
  packed[0] = 1;
  Send(kMethod, "application/grpc", packed, {{"grpc-encoding", "br"}});
  EXPECT_EQ(Trailer(answers_[1], "grpc-status"), "12");
  EXPECT_THAT(answers_[1].headers,
              Contains(Pair("grpc-accept-encoding", "identity,gzip,deflate,zstd")));
  std::string gzip;
  AppendGrpcMessage(GzipEncode(OneSpan()), gzip);
  gzip[0] = 1;
  Send(kMethod, "application/grpc", gzip, {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(consumer_.spans.size(), 1U);
}

TEST_F(OtlpServiceTest, PartialSuccess) {
  Post(OneSpan() + OneSpan(false));
  consumer_.commits[0]({});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].status, 200);
  wire::otlp::ExportTraceServiceResponse response;
  ASSERT_TRUE(response.ParseFromString(answers_[0].body));
  EXPECT_EQ(response.partial_success().rejected_spans(), 1);
  EXPECT_EQ(Requests(Signal::kSpans, OtlpTransport::kProtobuf, OtlpStats::kPartial).value(), 1U);
  // Nothing accepted: nothing to wait for.
  Post(OneSpan(false));
  EXPECT_EQ(answers_.size(), 2U);
  const auto spans = static_cast<std::size_t>(Signal::kSpans);
  EXPECT_EQ(service_->stats().accepted[spans].value(), 1U);
  EXPECT_EQ(service_->stats().rejected[spans][static_cast<std::size_t>(OtlpReject::kBadId)].value(),
            2U);
}

TEST_F(OtlpServiceTest, EmptyRequestsSucceed) {
  Post("");
  Send("/v1/logs", "application/json", "{}");
  Grpc("");
  ASSERT_EQ(answers_.size(), 3U);
  EXPECT_EQ(answers_[0].status, 200);
  EXPECT_EQ(answers_[1].body, "{}");
  EXPECT_EQ(answers_[2].body.size(), 5U);
}

TEST_F(OtlpServiceTest, Unrouted) {
  Send("/", "application/json", "{}");
  Send("/v1/traces", "text/plain", "{}");
  Send("/v1/traces", "application/json", "", {}, "GET");
  ASSERT_EQ(answers_.size(), 3U);
  EXPECT_EQ(answers_[0].status, 404);
  EXPECT_EQ(answers_[1].status, 415);
  EXPECT_EQ(answers_[2].status, 405);
  EXPECT_EQ(service_->stats().unrouted.value(), 3U);
}

TEST_F(OtlpServiceTest, BrowsersOfAllowedOrigins) {
  const Headers preflight = {{"origin", "https://a.example.com"},
                             {"access-control-request-method", "POST"},
                             {"access-control-request-headers", "content-type"}};
  Send("/v1/traces", "", "", preflight, "OPTIONS");
  EXPECT_EQ(answers_.back().status, 405);  // Off by default.
  OtlpOptions options;
  options.cors_origins = {"https://*.example.com"};
  Use(options);
  Send("/v1/traces", "", "", preflight, "OPTIONS");
  EXPECT_EQ(answers_.back().status, 204);
  EXPECT_THAT(answers_.back().headers,
              Contains(Pair("access-control-allow-origin", "https://a.example.com")));
  EXPECT_THAT(answers_.back().headers,
              Contains(Pair("access-control-allow-headers", "content-type")));
  Send("/v1/logs", "application/json", "{}", {{"origin", "https://a.example.com"}});
  EXPECT_EQ(answers_.back().status, 200);
  EXPECT_THAT(answers_.back().headers,
              Contains(Pair("access-control-allow-origin", "https://a.example.com")));
  Send("/v1/logs", "application/json", "{}", {{"origin", "https://evil.org"}});
  EXPECT_THAT(answers_.back().headers,
              Not(Contains(Pair("access-control-allow-origin", testing::_))));
  EXPECT_EQ(service_->stats().preflights.value(), 1U);
}

TEST_F(OtlpServiceTest, AnAnswerOutlivesTheService) {
  Post(OneSpan());
  service_.reset();
  consumer_.commits[0]({});
  EXPECT_EQ(answers_.size(), 1U);
}

TEST_F(OtlpServiceTest, StatsHaveNames) {
  Registry registry;
  service_->stats().AddTo(registry);
  Post(OneSpan());
  EXPECT_THAT(registry.PrometheusText(),
              HasSubstr("opssight_otlp_accepted_total{signal=\"spans\"} 1"));
}

}  // namespace
}  // namespace opssight
