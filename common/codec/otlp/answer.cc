#include "common/codec/otlp/answer.h"

#include <fmt/format.h>

#include "common/codec/otlp/values.h"
#include "schemas/otlp.pb.h"

namespace opssight {
namespace {

using otlp::AppendJsonQuoted;

// The message is made of what a client sent, and protobuf strings are UTF-8.
std::string Clean(std::string_view message) {
  std::uint64_t cut = 0;
  return otlp::CleanText(message, 2048, cut);
}

template <class Response>
std::string Partial(std::int64_t rejected, std::string_view message,
                    void (*set_rejected)(Response&, std::int64_t)) {
  Response response;
  set_rejected(response, rejected);
  response.mutable_partial_success()->set_error_message(std::string(message));
  return response.SerializeAsString();
}

std::string PartialProtobuf(Signal signal, std::int64_t rejected, std::string_view message) {
  using namespace wire::otlp;  // NOLINT(google-build-using-namespace)
  switch (signal) {
    case Signal::kSpans:
      return Partial<ExportTraceServiceResponse>(
          rejected, message, [](ExportTraceServiceResponse& response, std::int64_t count) {
            response.mutable_partial_success()->set_rejected_spans(count);
          });
    case Signal::kLogs:
      return Partial<ExportLogsServiceResponse>(
          rejected, message, [](ExportLogsServiceResponse& response, std::int64_t count) {
            response.mutable_partial_success()->set_rejected_log_records(count);
          });
    case Signal::kMetrics:
      break;
  }
  return Partial<ExportMetricsServiceResponse>(
      rejected, message, [](ExportMetricsServiceResponse& response, std::int64_t count) {
        response.mutable_partial_success()->set_rejected_data_points(count);
      });
}

std::string_view RejectedName(Signal signal) {
  if (signal == Signal::kSpans) return "rejectedSpans";
  return signal == Signal::kLogs ? "rejectedLogRecords" : "rejectedDataPoints";
}

}  // namespace

std::string EncodeOtlpAnswer(Signal signal, OtlpEncoding encoding, const OtlpOutcome& outcome) {
  const std::string message = Clean(outcome.Message());
  const auto rejected = static_cast<std::int64_t>(outcome.rejected());
  if (message.empty()) return encoding == OtlpEncoding::kJson ? "{}" : "";
  if (encoding == OtlpEncoding::kProtobuf) return PartialProtobuf(signal, rejected, message);
  std::string out = fmt::format(
      "{{\"partialSuccess\":{{\"{}\":\"{}\",\"errorMessage\":", RejectedName(signal), rejected);
  AppendJsonQuoted(message, out);
  return out += "}}";
}

std::string EncodeRpcStatus(int code, std::string_view message, std::int64_t retry_after_s,
                            OtlpEncoding encoding) {
  constexpr std::string_view kRetryInfo = "type.googleapis.com/google.rpc.RetryInfo";
  if (encoding == OtlpEncoding::kJson) {
    std::string out = fmt::format("{{\"code\":{},\"message\":", code);
    AppendJsonQuoted(Clean(message), out);
    if (retry_after_s > 0) {
      out += fmt::format(",\"details\":[{{\"@type\":\"{}\",\"retryDelay\":\"{}s\"}}]", kRetryInfo,
                         retry_after_s);
    }
    return out += "}";
  }
  wire::otlp::RpcStatus status;
  status.set_code(code);
  status.set_message(Clean(message));
  if (retry_after_s > 0) {
    wire::otlp::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_after_s);
    auto* detail = status.add_details();
    detail->set_type_url(std::string(kRetryInfo));
    detail->set_value(retry.SerializeAsString());
  }
  return status.SerializeAsString();
}

}  // namespace opssight
