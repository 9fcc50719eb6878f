#include "common/codec/otlp/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/codec/otlp/dump.h"

namespace opssight {
namespace {

OtlpOutcome TwoRejected() {
  OtlpOutcome outcome;
  outcome.accepted = 1;
  outcome.Reject(OtlpReject::kBadId, "the \"first\"");
  outcome.Reject(OtlpReject::kBadTime, "the second");
  return outcome;
}
constexpr const char* kMessage = "rejected 2 of 3: 1 bad_id, 1 bad_time; first: the \"first\"";

TEST(OtlpAnswerTest, FullSuccessIsEmpty) {
  for (const Signal signal : {Signal::kSpans, Signal::kLogs, Signal::kMetrics}) {
    EXPECT_EQ(EncodeOtlpAnswer(signal, OtlpEncoding::kProtobuf, {}), "");
    EXPECT_EQ(EncodeOtlpAnswer(signal, OtlpEncoding::kJson, {}), "{}");
  }
}

TEST(OtlpAnswerTest, PartialSuccessInProtobuf) {
  wire::otlp::ExportTraceServiceResponse traces;
  ASSERT_TRUE(traces.ParseFromString(
      EncodeOtlpAnswer(Signal::kSpans, OtlpEncoding::kProtobuf, TwoRejected())));
  EXPECT_EQ(traces.partial_success().rejected_spans(), 2);
  EXPECT_EQ(traces.partial_success().error_message(), kMessage);
  wire::otlp::ExportLogsServiceResponse logs;
  ASSERT_TRUE(logs.ParseFromString(
      EncodeOtlpAnswer(Signal::kLogs, OtlpEncoding::kProtobuf, TwoRejected())));
  EXPECT_EQ(logs.partial_success().rejected_log_records(), 2);
  wire::otlp::ExportMetricsServiceResponse metrics;
  ASSERT_TRUE(metrics.ParseFromString(
      EncodeOtlpAnswer(Signal::kMetrics, OtlpEncoding::kProtobuf, TwoRejected())));
  EXPECT_EQ(metrics.partial_success().rejected_data_points(), 2);
}

TEST(OtlpAnswerTest, PartialSuccessInJson) {
  EXPECT_EQ(EncodeOtlpAnswer(Signal::kSpans, OtlpEncoding::kJson, TwoRejected()),
            "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"rejected 2 of 3: 1 "
            "bad_id, 1 bad_time; first: the \\\"first\\\"\"}}");
  OtlpOutcome warning;
  warning.values_cut = 1;
  EXPECT_EQ(EncodeOtlpAnswer(Signal::kLogs, OtlpEncoding::kJson, warning),
            "{\"partialSuccess\":{\"rejectedLogRecords\":\"0\",\"errorMessage\":\"1 values above "
            "the limit cut\"}}");
}

TEST(OtlpAnswerTest, Status) {
  EXPECT_EQ(EncodeRpcStatus(3, "no \x01", 0, OtlpEncoding::kJson),
            "{\"code\":3,\"message\":\"no \\u0001\"}");
  EXPECT_EQ(EncodeRpcStatus(14, "later", 5, OtlpEncoding::kJson),
            "{\"code\":14,\"message\":\"later\",\"details\":[{\"@type\":\"type.googleapis.com/"
            "google.rpc.RetryInfo\",\"retryDelay\":\"5s\"}]}");
  wire::otlp::RpcStatus status;
  ASSERT_TRUE(
      status.ParseFromString(EncodeRpcStatus(14, "later \xff", 5, OtlpEncoding::kProtobuf)));
  EXPECT_EQ(status.code(), 14);
  EXPECT_EQ(status.message(), "later \xef\xbf\xbd");
  ASSERT_EQ(status.details_size(), 1);
  EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  wire::otlp::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(status.details(0).value()));
  EXPECT_EQ(retry.retry_delay().seconds(), 5);
}

}  // namespace
}  // namespace opssight
