#include "common/otlp/reply.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/codec/otlp/answer.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

constexpr std::array<std::pair<std::string_view, Signal>, 6> kPaths = {{
    {"/v1/traces", Signal::kSpans},
    {"/v1/metrics", Signal::kMetrics},
    {"/v1/logs", Signal::kLogs},
    {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::kSpans},
    {"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::kMetrics},
    {"/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::kLogs},
}};
constexpr std::string_view kGrpcPrefix = "/opentelemetry.proto.collector.";
constexpr std::string_view kProtobufType = "application/x-protobuf";
constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kGrpcType = "application/grpc";

HttpResponse Text(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "text/plain");
  response.body = std::move(text);
  return response;
}

std::string MediaType(std::string_view content_type) {
  std::string type = AsciiLower(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type;
}

std::optional<OtlpTransport> TransportOf(const HttpRequest& request) {
  const std::string_view content_type = request.Header("content-type");
  if (IsGrpcContentType(content_type)) {
    return request.http_major >= 2 ? std::optional(OtlpTransport::kGrpc) : std::nullopt;
  }
  const std::string type = MediaType(content_type);
  if (type == kProtobufType || type == "application/protobuf") return OtlpTransport::kProtobuf;
  if (type == kJsonType) return OtlpTransport::kJson;
  return std::nullopt;
}

HttpResponse GrpcResponse(GrpcStatus status, std::string_view message) {
  HttpResponse response;
  response.headers.emplace_back("content-type", kGrpcType);
  response.trailers = GrpcTrailers(status, message);
  return response;
}

bool IsGrpcPath(std::string_view path) {
  return path.substr(0, kGrpcPrefix.size()) == kGrpcPrefix;
}

// A * stands for any characters.
bool Matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (text.substr(0, star) != pattern.substr(0, star)) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (Matches(rest, text.substr(at))) return true;
  }
  return false;
}

}  // namespace

std::string_view ToString(OtlpTransport transport) {
  constexpr std::array<std::string_view, kOtlpTransports> kNames = {"grpc", "http_protobuf",
                                                                    "http_json"};
  return kNames[static_cast<std::size_t>(transport)];
}

std::optional<Signal> OtlpSignalOf(std::string_view path) {
  for (const std::string_view prefix : {"/api/v1/otlp", "/otlp"}) {
    if (path.substr(0, prefix.size()) != prefix) continue;
    path.remove_prefix(prefix.size());
    break;
  }
  for (const auto& [known, signal] : kPaths) {
    if (path == known) return signal;
  }
  return std::nullopt;
}

std::optional<OtlpCall> OtlpCallOf(const HttpRequest& request, HttpResponse& refusal) {
  const auto signal = OtlpSignalOf(request.path);
  const auto transport = TransportOf(request);
  if (!signal && transport == OtlpTransport::kGrpc) {
    refusal = GrpcResponse(GrpcStatus::kUnimplemented, "unknown method " + request.path);
    return std::nullopt;
  }
  if (!signal) {
    refusal = Text(404, "404 not found; OTLP is at /v1/traces, /v1/metrics and /v1/logs");
    return std::nullopt;
  }
  if (request.method != "POST") {
    refusal = Text(405, "405 method not allowed, supported: [POST]");
    refusal.headers.emplace_back("allow", "POST");
    return std::nullopt;
  }
  const bool grpc = IsGrpcPath(request.path);
  if (!transport || grpc != (transport == OtlpTransport::kGrpc)) {
    refusal =
        Text(415, grpc ? "415 unsupported media type, supported: [application/grpc] over HTTP/2"
                       : "415 unsupported media type, supported: [application/json, "
                         "application/x-protobuf]");
    return std::nullopt;
  }
  return OtlpCall{.signal = *signal, .transport = *transport};
}

OtlpReply OtlpReplyOf(const Error& error, std::int64_t retry_after_s) {
  OtlpReply reply{.status = GrpcStatus::kInternal, .message = error.message.substr(0, 1024)};
  switch (error.code) {
    case ErrorCode::kInvalid:
      reply.status = GrpcStatus::kInvalidArgument;
      break;
    case ErrorCode::kExhausted:
      reply.status = GrpcStatus::kResourceExhausted;
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kIo:
      reply.status = GrpcStatus::kUnavailable;
      reply.retry_after_s = retry_after_s;
      break;
    default:
      break;
  }
  return reply;
}

int HttpStatusOf(const OtlpReply& reply) {
  switch (reply.status) {
    case GrpcStatus::kOk:
      return 200;
    case GrpcStatus::kInvalidArgument:
      return 400;
    case GrpcStatus::kUnauthenticated:
      return 401;
    case GrpcStatus::kPermissionDenied:
      return 403;
    case GrpcStatus::kUnimplemented:
    case GrpcStatus::kNotFound:
      return 404;
    case GrpcStatus::kResourceExhausted:  // 429 would be sent again.
      return reply.retry_after_s > 0 ? 429 : 413;
    case GrpcStatus::kUnavailable:
    case GrpcStatus::kCancelled:
    case GrpcStatus::kDeadlineExceeded:
      return 503;
    case GrpcStatus::kUnknown:
    case GrpcStatus::kInternal:
      break;
  }
  return 500;
}

HttpResponse ToHttpResponse(const OtlpCall& call, const OtlpReply& reply) {
  const int code = static_cast<int>(reply.status);
  const bool ok = reply.status == GrpcStatus::kOk;
  if (call.transport == OtlpTransport::kGrpc) {
    HttpResponse response = GrpcResponse(reply.status, reply.message);
    if (ok) {
      AppendGrpcMessage(reply.body, response.body);
    } else {
      response.trailers.emplace_back(
          "grpc-status-details-bin",
          Base64(EncodeRpcStatus(code, reply.message, reply.retry_after_s, call.encoding())));
    }
    return response;
  }
  HttpResponse response;
  response.status = HttpStatusOf(reply);
  response.headers.emplace_back("content-type",
                                call.transport == OtlpTransport::kJson ? kJsonType : kProtobufType);
  if (reply.retry_after_s > 0) {
    response.headers.emplace_back("retry-after", std::to_string(reply.retry_after_s));
  }
  response.body =
      ok ? reply.body : EncodeRpcStatus(code, reply.message, reply.retry_after_s, call.encoding());
  return response;
}

bool OriginAllowed(std::string_view origin, const std::vector<std::string>& origins) {
  return origin.size() <= 512 && std::any_of(origins.begin(), origins.end(),
                                             [&](const auto& one) { return Matches(one, origin); });
}

bool IsPreflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && !request.Header("origin").empty() &&
         !request.Header("access-control-request-method").empty();
}

void AddCorsHeaders(const HttpRequest& request, const std::vector<std::string>& origins,
                    HttpResponse& response) {
  const std::string_view origin = request.Header("origin");
  if (origin.empty() || !OriginAllowed(origin, origins)) return;
  response.headers.emplace_back("access-control-allow-origin", origin);
  response.headers.emplace_back("vary", "Origin");
  if (!IsPreflight(request)) {
    response.headers.emplace_back("access-control-expose-headers", "Retry-After");
    return;
  }
  response.headers.emplace_back("access-control-allow-methods", "POST");
  response.headers.emplace_back("access-control-max-age", "7200");
  const std::string_view headers = request.Header("access-control-request-headers");
  if (!headers.empty()) response.headers.emplace_back("access-control-allow-headers", headers);
}

}  // namespace opssight
