#include "aggregator/store/columns/envelope.h"

#include <fmt/core.h>

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kSizeAt = 4;
constexpr std::size_t kHeadChecksumAt = 8;
constexpr std::size_t kColumnsChecksumAt = 16;
constexpr std::size_t kEnvelopeBytes = 24;

}  // namespace

std::string WrapBlock(std::string_view magic, std::string_view head, std::string_view columns) {
  std::string block;
  block.reserve(kEnvelopeBytes + head.size() + columns.size());
  block.append(magic);
  PutLe(block, static_cast<std::uint32_t>(head.size()));
  const std::uint64_t head_checksum = Hash64(head, head.size());
  PutLe(block, head_checksum);
  PutLe(block, Hash64(columns, head_checksum));
  return block.append(head).append(columns);
}

Result<std::string_view> OpenBlockHead(std::string_view magic, std::string_view block) {
  if (block.size() < kEnvelopeBytes || !block.starts_with(magic)) {
    return Corrupt(fmt::format("block {}: no such block", magic));
  }
  const std::size_t size = LoadLe<std::uint32_t>(block.data() + kSizeAt);
  if (size > block.size() - kEnvelopeBytes) {
    return Corrupt(fmt::format("block {}: short head", magic));
  }
  const std::string_view head = block.substr(kEnvelopeBytes, size);
  if (LoadLe<std::uint64_t>(block.data() + kHeadChecksumAt) != Hash64(head, size)) {
    return Corrupt(fmt::format("block {}: bad checksum of its head", magic));
  }
  return head;
}

Result<BlockParts> OpenBlock(std::string_view magic, std::string_view block) {
  OPS_TRY(const std::string_view head, OpenBlockHead(magic, block));
  const std::string_view columns = block.substr(kEnvelopeBytes + head.size());
  if (LoadLe<std::uint64_t>(block.data() + kColumnsChecksumAt) !=
      Hash64(columns, LoadLe<std::uint64_t>(block.data() + kHeadChecksumAt))) {
    return Corrupt(fmt::format("block {}: bad checksum of its columns", magic));
  }
  return BlockParts{.head = head, .columns = columns};
}

}  // namespace opssight
