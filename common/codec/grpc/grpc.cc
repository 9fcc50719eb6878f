#include "common/codec/grpc/grpc.h"

#include <fmt/core.h>

#include "common/bytes/endian.h"
#include "common/codec/http/content.h"

namespace opssight {

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  const std::string lower = AsciiLower(content_type.substr(0, 64));
  if (lower.compare(0, kGrpc.size(), kGrpc) != 0) return false;
  return lower.size() == kGrpc.size() || lower[kGrpc.size()] == '+' || lower[kGrpc.size()] == ';' ||
         lower[kGrpc.size()] == ' ';
}

Result<std::string> ReadGrpcMessage(std::string_view body, std::string_view encoding,
                                    std::size_t bytes_max) {
  if (body.size() < 5) return Invalid("gRPC message is cut off");
  const auto flag = static_cast<std::uint8_t>(body[0]);
  const auto length = LoadBe<std::uint32_t>(body.data() + 1);
  body.remove_prefix(5);
  if (flag > 1) return Invalid("gRPC message has an unknown flag");
  if (length != body.size()) return Invalid("gRPC body is not one message");
  if (flag == 0) return DecodeContent("", body, bytes_max);
  if (encoding.empty() || encoding == "identity") {
    return Invalid("gRPC message is compressed without grpc-encoding");
  }
  if (encoding != "gzip" && encoding != "deflate" && encoding != "zstd") {
    return NotFound(fmt::format("grpc-encoding \"{}\" is not supported", encoding));
  }
  return DecodeContent(encoding, body, bytes_max);
}

GrpcStatus GrpcStatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return GrpcStatus::kUnimplemented;
    case ErrorCode::kExhausted:
      return GrpcStatus::kResourceExhausted;
    case ErrorCode::kUnavailable:
      return GrpcStatus::kUnavailable;
    default:
      return GrpcStatus::kInternal;
  }
}

void AppendGrpcMessage(std::string_view message, std::string& out) {
  out.push_back('\0');
  PutBe(out, static_cast<std::uint32_t>(message.size()));
  out.append(message);
}

Headers GrpcTrailers(GrpcStatus status, std::string_view message) {
  Headers trailers;
  trailers.emplace_back("grpc-status", std::to_string(static_cast<int>(status)));
  if (!message.empty()) {
    std::string encoded;
    for (const char c : message) {
      if (c >= ' ' && c <= '~' && c != '%') {
        encoded.push_back(c);
      } else {
        encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
      }
    }
    trailers.emplace_back("grpc-message", std::move(encoded));
  }
  return trailers;
}

}  // namespace opssight
