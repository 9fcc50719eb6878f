// Any bytes are a remote-read request, an answer, a stream of frames, a chunk, or refused.
// First byte: which. A chunk that decodes comes back from its encoding.
#include <bit>
#include <cstdint>
#include <string>

#include "common/bytes/crc32c.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"
#include "common/codec/remote/chunk.h"
#include "common/codec/remote/read.h"

namespace {

void Check(bool ok) {
  if (!ok) __builtin_trap();
}

void CheckXor(std::string_view bytes) {
  std::vector<opssight::WriteSample> samples;
  if (!opssight::remote::DecodeXorChunk(bytes, samples) || samples.empty()) return;
  std::vector<opssight::WriteSample> back;
  Check(opssight::remote::DecodeXorChunk(opssight::remote::EncodeXorChunk(samples), back));
  Check(back.size() == samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Check(back[i].time_ms == samples[i].time_ms);
    Check(std::bit_cast<std::uint64_t>(back[i].value) ==
          std::bit_cast<std::uint64_t>(samples[i].value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const WriteLimits limits{.decoded_bytes_max = 1UL << 20};
  switch (data[0] % 5) {
    case 0:
      if (const auto request = DecodeReadRequest(bytes, {.queries_max = 5, .matchers_max = 5})) {
        Check(request->queries.size() <= 5 && request->accepted.size() <= 2);
        Check(DecodeReadRequest(EncodeReadRequest(*request), {}).has_value());
      }
      break;
    case 1:
      (void)DecodeReadResponse(bytes, limits);
      break;
    case 2: {
      std::string frame;  // With a checksum that is right, so that what is inside is reached.
      PutVarint(frame, bytes.size());
      PutBe(frame, Crc32c(bytes));
      (void)DecodeChunkStream(frame.append(bytes), limits);
      break;
    }
    case 3:
      CheckXor(bytes);
      break;
    default: {
      std::vector<WriteHistogram> histograms;
      if (!remote::DecodeHistogramChunk(bytes, 1000, histograms)) break;
      for (const WriteHistogram& one : histograms) (void)CheckHistogram(one.histogram, 1000);
    }
  }
  return 0;
}
