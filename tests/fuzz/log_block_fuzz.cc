// Any bytes are a log block or refused. The checksum is set right first, so that
// what lies behind it is reached.
#include <cstdint>
#include <string>

#include "aggregator/store/logs/block.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace opssight;  // NOLINT(google-build-using-namespace)
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  std::string block = "OLB1";
  PutLe<std::uint64_t>(block, Hash64(body));
  block += body;
  const BlockLimits limits{.rows_max = 10'000, .raw_bytes_max = 1 << 20, .streams_max = 100};
  const auto rows = BlockRows::Read(block, limits);
  if (!rows) return 0;
  std::size_t bytes = 0;
  for (std::size_t row = 0; row < rows->head().rows; ++row) {
    bytes += rows->line(row).size() + rows->metadata(row).size();
  }
  return bytes > (64UL << 20) ? -1 : 0;
}
