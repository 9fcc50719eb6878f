#include "common/otlp/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/text/base64.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

HttpRequest Post(const std::string& path, const std::string& content_type, int http_major = 1) {
  HttpRequest request;
  request.method = "POST";
  request.path = path;
  request.http_major = http_major;
  if (!content_type.empty()) request.headers.emplace_back("content-type", content_type);
  return request;
}
constexpr const char* kTraceMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

TEST(OtlpReplyTest, Calls) {
  struct Case {
    const char* path;
    const char* type;
    int http;
    Signal signal;
    OtlpTransport transport;
  };
  const Case cases[] = {
      {"/v1/traces", "application/x-protobuf", 1, Signal::kSpans, OtlpTransport::kProtobuf},
      {"/v1/traces", "application/json; charset=utf-8", 1, Signal::kSpans, OtlpTransport::kJson},
      {"/v1/logs", "Application/JSON", 2, Signal::kLogs, OtlpTransport::kJson},
      {"/v1/metrics", "application/protobuf", 1, Signal::kMetrics, OtlpTransport::kProtobuf},
      {"/api/v1/otlp/v1/metrics", "application/json", 1, Signal::kMetrics, OtlpTransport::kJson},
      {"/otlp/v1/logs", "application/json", 1, Signal::kLogs, OtlpTransport::kJson},
      {kTraceMethod, "application/grpc", 2, Signal::kSpans, OtlpTransport::kGrpc},
      {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "application/grpc+proto",
       2, Signal::kMetrics, OtlpTransport::kGrpc},
      {"/opentelemetry.proto.collector.logs.v1.LogsService/Export", "application/grpc", 2,
       Signal::kLogs, OtlpTransport::kGrpc},
  };
  for (const Case& one : cases) {
    HttpResponse refusal;
    const auto call = OtlpCallOf(Post(one.path, one.type, one.http), refusal);
    ASSERT_TRUE(call.has_value()) << one.path << " " << one.type;
    EXPECT_EQ(call->signal, one.signal);
    EXPECT_EQ(call->transport, one.transport);
  }
}

TEST(OtlpReplyTest, RefusalsOfWhatIsNoCall) {
  struct Case {
    const char* method;
    const char* path;
    const char* type;
    int http;
    int status;
    const char* text;
  };
  const Case cases[] = {
      {"POST", "/", "application/json", 1, 404, "/v1/traces"},
      {"POST", "/v1/profiles", "application/x-protobuf", 1, 404, "404 not found"},
      {"GET", "/v1/traces", "", 1, 405, "405 method not allowed, supported: [POST]"},
      {"PUT", "/v1/logs", "application/json", 1, 405, "405"},
      {"POST", "/v1/traces", "text/plain", 1, 415,
       "415 unsupported media type, supported: [application/json, application/x-protobuf]"},
      {"POST", "/v1/traces", "", 1, 415, "415"},
      {"POST", "/v1/traces", "application/grpc", 2, 415, "application/json"},
      {"POST", kTraceMethod, "application/json", 2, 415, "application/grpc"},
      {"POST", kTraceMethod, "application/grpc", 1, 415, "over HTTP/2"},
  };
  for (const Case& one : cases) {
    HttpRequest request = Post(one.path, one.type, one.http);
    request.method = one.method;
    HttpResponse refusal;
    EXPECT_FALSE(OtlpCallOf(request, refusal).has_value()) << one.path << one.type;
    EXPECT_EQ(refusal.status, one.status) << one.path << one.type;
    EXPECT_THAT(refusal.body, HasSubstr(one.text));
    EXPECT_THAT(refusal.headers, Contains(Pair("content-type", "text/plain")));
  }
  HttpResponse refusal;
  EXPECT_FALSE(
      OtlpCallOf(Post("/some.Service/Method", "application/grpc", 2), refusal).has_value());
  EXPECT_EQ(refusal.status, 200);
  EXPECT_THAT(refusal.trailers, Contains(Pair("grpc-status", "12")));
}

TEST(OtlpReplyTest, Statuses) {
  struct Case {
    GrpcStatus status;
    std::int64_t retry_after_s;
    int http;
  };
  const Case cases[] = {
      {GrpcStatus::kOk, 0, 200},
      {GrpcStatus::kInvalidArgument, 0, 400},
      {GrpcStatus::kUnauthenticated, 0, 401},
      {GrpcStatus::kPermissionDenied, 0, 403},
      {GrpcStatus::kUnimplemented, 0, 404},
      {GrpcStatus::kNotFound, 0, 404},
      {GrpcStatus::kResourceExhausted, 0, 413},
      {GrpcStatus::kResourceExhausted, 3, 429},
      {GrpcStatus::kUnavailable, 3, 503},
      {GrpcStatus::kCancelled, 0, 503},
      {GrpcStatus::kDeadlineExceeded, 0, 503},
      {GrpcStatus::kInternal, 0, 500},
      {GrpcStatus::kUnknown, 0, 500},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(HttpStatusOf({.status = one.status, .retry_after_s = one.retry_after_s}), one.http)
        << static_cast<int>(one.status);
  }
  const std::pair<Error, GrpcStatus> errors[] = {{Invalid("x"), GrpcStatus::kInvalidArgument},
                                                 {Exhausted("x"), GrpcStatus::kResourceExhausted},
                                                 {Unavailable("x"), GrpcStatus::kUnavailable},
                                                 {IoError("x", 28), GrpcStatus::kUnavailable},
                                                 {Internal("x"), GrpcStatus::kInternal},
                                                 {Corrupt("x"), GrpcStatus::kInternal}};
  for (const auto& [error, status] : errors) {
    const OtlpReply reply = OtlpReplyOf(error, 5);
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.retry_after_s, status == GrpcStatus::kUnavailable ? 5 : 0);
  }
}

TEST(OtlpReplyTest, HttpAnswersAreInTheRequestsEncoding) {
  const OtlpReply later = OtlpReplyOf(Unavailable("full"), 5);
  const HttpResponse json = ToHttpResponse({Signal::kLogs, OtlpTransport::kJson}, later);
  EXPECT_EQ(json.status, 503);
  EXPECT_THAT(json.headers, Contains(Pair("content-type", "application/json")));
  EXPECT_THAT(json.headers, Contains(Pair("retry-after", "5")));
  EXPECT_THAT(json.body, HasSubstr("\"code\":14,\"message\":\"full\""));
  const HttpResponse bad =
      ToHttpResponse({Signal::kLogs, OtlpTransport::kProtobuf}, OtlpReplyOf(Invalid("bad"), 5));
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.headers, testing::Not(Contains(Pair("retry-after", testing::_))));
  wire::otlp::RpcStatus status;
  ASSERT_TRUE(status.ParseFromString(bad.body));
  EXPECT_EQ(status.code(), 3);
  EXPECT_EQ(status.message(), "bad");
  const HttpResponse ok = ToHttpResponse({Signal::kLogs, OtlpTransport::kJson}, {.body = "{}"});
  EXPECT_EQ(ok.status, 200);
  EXPECT_EQ(ok.body, "{}");
}

TEST(OtlpReplyTest, GrpcAnswers) {
  const OtlpCall call{Signal::kSpans, OtlpTransport::kGrpc};
  const HttpResponse ok = ToHttpResponse(call, {});
  EXPECT_EQ(ok.status, 200);
  EXPECT_EQ(ok.body, std::string(5, '\0'));  // Without it clients see UNIMPLEMENTED.
  EXPECT_THAT(ok.headers, Contains(Pair("content-type", "application/grpc")));
  EXPECT_THAT(ok.trailers, testing::ElementsAre(Pair("grpc-status", "0")));
  const HttpResponse later = ToHttpResponse(call, OtlpReplyOf(Unavailable("full: 100%"), 5));
  EXPECT_EQ(later.status, 200);
  EXPECT_EQ(later.body, "");  // Trailers only.
  EXPECT_THAT(later.trailers, Contains(Pair("grpc-status", "14")));
  EXPECT_THAT(later.trailers, Contains(Pair("grpc-message", "full: 100%25")));
  ASSERT_EQ(later.trailers.back().first, "grpc-status-details-bin");
  wire::otlp::RpcStatus status;
  ASSERT_TRUE(status.ParseFromString(*ParseBase64(later.trailers.back().second)));
  ASSERT_EQ(status.details_size(), 1);
  wire::otlp::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(status.details(0).value()));
  EXPECT_EQ(retry.retry_delay().seconds(), 5);
}

TEST(OtlpReplyTest, Origins) {
  const std::vector<std::string> origins = {"https://*.example.com", "http://localhost:3000"};
  EXPECT_TRUE(OriginAllowed("https://a.example.com", origins));
  EXPECT_TRUE(OriginAllowed("http://localhost:3000", origins));
  EXPECT_FALSE(OriginAllowed("https://example.com", origins));
  EXPECT_FALSE(OriginAllowed("https://a.example.com.evil.org", origins));
  EXPECT_FALSE(OriginAllowed("http://localhost:30000", origins));
  EXPECT_TRUE(OriginAllowed("https://any", {"*"}));
  EXPECT_FALSE(OriginAllowed("https://any", {}));
}

}  // namespace
}  // namespace opssight
