// Any bytes are an OTLP request, or are refused, or lose only what is broken in them.
#include "tests/fuzz/otlp_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  opssight::FuzzOtlp(data, size, opssight::OtlpEncoding::kJson);
  return 0;
}
