// Any bytes as a checkpoint: no crash, offsets that can be read from, and the same bytes
// again from what was decoded.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/tail/checkpoint.h"
#include "agent/tail/file_names.h"
#include "common/base/check.h"
#include "common/bytes/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto id = opssight::ParseCheckpointKey(bytes)) {
    OPS_CHECK(opssight::ParseCheckpointKey(opssight::CheckpointKey(*id)) == id, "key");
  }
  // With a good checksum, so that the fuzzer gets past it.
  std::string sealed(bytes);
  const auto sum = static_cast<std::uint32_t>(opssight::Hash64(bytes));
  sealed.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  for (const std::string_view text : {bytes, std::string_view(sealed)}) {
    const auto checkpoint = opssight::DecodeCheckpoint(text);
    if (!checkpoint) continue;
    OPS_CHECK(checkpoint->resume_offset() <= checkpoint->read_offset, "offset");
    OPS_CHECK(opssight::EncodeCheckpoint(*checkpoint) == text, "not the same bytes");
  }
  // Names and patterns of foreign files.
  const std::string_view a = bytes.substr(0, size / 2);
  const std::string_view b = bytes.substr(size / 2);
  opssight::MatchName(a, b);
  if (size < 256) opssight::LiveNamesOf(bytes);
  opssight::ParseRotatedName(a, b);
  opssight::ParsePodPath(bytes);
  opssight::ParseContainersLink(bytes);
  return 0;
}
