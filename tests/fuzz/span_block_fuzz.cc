// Any bytes are a span block or refused. Envelope and compression are set right
// first, so that the columns behind them are reached: the first byte says how much
// of the input is the head.
#include <cstdint>
#include <string>

#include "aggregator/store/spans/span_block.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/zstd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t head_size = data[0] % (input.size() + 1);
  std::string body;
  PutLe(body, static_cast<std::uint32_t>(head_size));
  body.append(input.substr(0, head_size)).append(ZstdCompress(input.substr(head_size)));
  std::string block = "OSB1";
  PutLe(block, Hash64(body));
  block += body;
  (void)ReadSpanBlock(block, {.spans_max = 10'000, .raw_bytes_max = 1 << 20}).has_value();
  return 0;
}
