// Remote write's side of HTTP as values: which message a request carries, and how it is
// answered. Texts are Prometheus' where there are any (storage/remote/write_handler.go).
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/codec/remote/write.h"
#include "common/http/message.h"

namespace opssight {

// Nothing, and the answer in refusal (405, 415), where the request carries neither message.
std::optional<WriteVersion> WriteVersionOf(const HttpRequest& request, HttpResponse& refusal);

struct WrittenCounts {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
};
// status 204 or, with a text, another. Of 2.0 always with what was written.
HttpResponse WriteAnswer(WriteVersion version, int status, std::string_view text,
                         const WrittenCounts& written);

}  // namespace opssight
