// gRPC over HTTP/2: length-prefixed messages and status trailers, for unary calls.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/http/headers.h"

namespace opssight {

enum class GrpcStatus : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

// application/grpc, alone or with a +suffix or a parameter.
bool IsGrpcContentType(std::string_view content_type);

// The one message of a unary request. encoding: the grpc-encoding header. Errors,
// with the status to answer: kNotFound (unknown encoding: kUnimplemented), kInvalid
// (framing: kInternal), kExhausted (kResourceExhausted).
Result<std::string> ReadGrpcMessage(std::string_view body, std::string_view encoding,
                                    std::size_t bytes_max);
GrpcStatus GrpcStatusOf(const Error& error);

void AppendGrpcMessage(std::string_view message, std::string& out);
// grpc-status, and grpc-message percent-encoded where there is one.
Headers GrpcTrailers(GrpcStatus status, std::string_view message);

}  // namespace opssight
