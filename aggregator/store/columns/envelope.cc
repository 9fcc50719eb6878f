#include "aggregator/store/columns/envelope.h"

#include <fmt/core.h>

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kEnvelopeBytes = kMagicBytes + kChecksumBytes + 4;

}  // namespace

std::string WrapBlock(std::string_view magic, std::string_view head, std::string_view columns) {
  std::string body;
  body.reserve(4 + head.size() + columns.size());
  PutLe(body, static_cast<std::uint32_t>(head.size()));
  body.append(head).append(columns);
  std::string block(magic);
  PutLe(block, Hash64(body));
  return block += body;
}

Result<BlockParts> OpenBlock(std::string_view magic, std::string_view block) {
  if (block.size() < kEnvelopeBytes || !block.starts_with(magic)) {
    return Corrupt(fmt::format("block {}: no such block", magic));
  }
  if (LoadLe<std::uint64_t>(block.data() + kMagicBytes) !=
      Hash64(block.substr(kMagicBytes + kChecksumBytes))) {
    return Corrupt(fmt::format("block {}: bad checksum", magic));
  }
  const std::size_t head_size = LoadLe<std::uint32_t>(block.data() + kMagicBytes + kChecksumBytes);
  block.remove_prefix(kEnvelopeBytes);
  if (head_size > block.size()) return Corrupt(fmt::format("block {}: short head", magic));
  return BlockParts{.head = block.substr(0, head_size), .columns = block.substr(head_size)};
}

}  // namespace opssight
