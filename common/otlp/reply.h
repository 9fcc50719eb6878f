// OTLP's side of HTTP and gRPC as values: which call a request is, and how an
// outcome is answered on its transport (status, headers, trailers, body). Pure
// functions; any thread. The table of statuses is in README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/grpc/grpc.h"
#include "common/codec/otlp/outcome.h"
#include "common/http/message.h"
#include "common/model/record.h"

namespace opssight {

enum class OtlpTransport : std::uint8_t { kGrpc, kProtobuf, kJson };
inline constexpr std::size_t kOtlpTransports = 3;
std::string_view ToString(OtlpTransport transport);  // "grpc", "http_protobuf", "http_json"

struct OtlpCall {
  Signal signal = Signal::kSpans;
  OtlpTransport transport = OtlpTransport::kProtobuf;
  OtlpEncoding encoding() const {
    return transport == OtlpTransport::kJson ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf;
  }
};

// The signal a path takes: /v1/{traces,metrics,logs} (also under /otlp and
// /api/v1/otlp, as Loki's and Prometheus' clients have it) and the gRPC methods.
std::optional<Signal> OtlpSignalOf(std::string_view path);

// What a request asks for; or, where it is none (404, 405, 415), the answer in refusal.
std::optional<OtlpCall> OtlpCallOf(const HttpRequest& request, HttpResponse& refusal);

// How a call ended. Above zero, retry_after_s says that it may be sent again.
struct OtlpReply {
  GrpcStatus status = GrpcStatus::kOk;
  std::string message;  // Of an error.
  std::int64_t retry_after_s = 0;
  std::string body;  // Of success: the encoded ExportXServiceResponse.
};
// kInvalid: INVALID_ARGUMENT; kExhausted: RESOURCE_EXHAUSTED, not to be sent again;
// kUnavailable and kIo: UNAVAILABLE after retry_after_s; else INTERNAL.
OtlpReply OtlpReplyOf(const Error& error, std::int64_t retry_after_s);
int HttpStatusOf(const OtlpReply& reply);
HttpResponse ToHttpResponse(const OtlpCall& call, const OtlpReply& reply);

// Cross-origin requests of browsers. origins: "https://*.example.com", "*".
bool OriginAllowed(std::string_view origin, const std::vector<std::string>& origins);
bool IsPreflight(const HttpRequest& request);
// What a request with an Origin header is answered with, too; nothing if not allowed.
void AddCorsHeaders(const HttpRequest& request, const std::vector<std::string>& origins,
                    HttpResponse& response);

}  // namespace opssight
