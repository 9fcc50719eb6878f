// Any bytes are a chunk or refused, and any doubles come back. First byte: samples.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "aggregator/store/metrics/chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size < 2) return 0;
  const std::size_t count = 1 + data[0] * 2U % kChunkSamplesMax;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<double> values(count);
  if (DecodeChunk(bytes, values)) {
    // What decodes encodes again to the same values.
    std::string again;
    ChunkHint hint = data[1];
    EncodeChunk(values, hint, again);
    std::vector<double> back(count);
    if (!DecodeChunk(again, back)) __builtin_trap();
    if (std::memcmp(values.data(), back.data(), count * sizeof(double)) != 0) __builtin_trap();
  }
  // The bytes themselves as doubles.
  std::vector<double> raw((size - 1) / sizeof(double));
  if (raw.empty() || raw.size() > kChunkSamplesMax) return 0;
  std::memcpy(raw.data(), bytes.data(), raw.size() * sizeof(double));
  std::string encoded;
  ChunkHint hint = data[0];
  EncodeChunk(raw, hint, encoded);
  std::vector<double> back(raw.size());
  if (!DecodeChunk(encoded, back)) __builtin_trap();
  if (std::memcmp(raw.data(), back.data(), raw.size() * sizeof(double)) != 0) __builtin_trap();
  return 0;
}
