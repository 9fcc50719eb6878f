// Content codings of HTTP bodies and gRPC messages: gzip, deflate (zlib), zstd.
// Decoding is streamed and stops at bytes_max, whatever the input promises, so a
// bomb costs at most that much. Safe on any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

std::string GzipEncode(std::string_view bytes);
// coding: "", "identity", "gzip", "x-gzip", "deflate", "zstd", in lower case.
// kNotFound for another coding, kInvalid for bad bytes, kExhausted above bytes_max.
Result<std::string> DecodeContent(std::string_view coding, std::string_view bytes,
                                  std::size_t bytes_max);

}  // namespace opssight
