#include "agent/tail/checkpoint.h"

#include <fmt/core.h>

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

std::string CheckpointKey(const FileId& id) {
  return fmt::format("{}{}:{}", kTailPrefix, id.device, id.inode);
}

std::optional<FileId> ParseCheckpointKey(std::string_view key) {
  if (!key.starts_with(kTailPrefix)) return std::nullopt;
  key.remove_prefix(kTailPrefix.size());
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto device = ParseInt<std::uint64_t>(key.substr(0, colon));
  const auto inode = ParseInt<std::uint64_t>(key.substr(colon + 1));
  if (!device || !inode) return std::nullopt;
  return FileId{.device = *device, .inode = *inode};
}

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  std::string out;
  out.reserve(88);
  PutLe<std::uint8_t>(out, kVersion);
  PutLe<std::uint8_t>(out, checkpoint.done ? 1 : 0);
  PutLe(out, checkpoint.head_bytes);
  PutLe(out, checkpoint.marker_bytes);
  PutLe(out, checkpoint.path_hash);
  PutLe(out, checkpoint.birth_ns);
  PutLe(out, checkpoint.modified_ns);
  PutLe(out, checkpoint.head_hash);
  PutLe(out, checkpoint.marker_hash);
  PutLe(out, checkpoint.read_offset);
  PutLe(out, checkpoint.size_seen);
  PutLe(out, checkpoint.accepted[0]);
  PutLe(out, checkpoint.accepted[1]);
  PutLe(out, static_cast<std::uint32_t>(Hash64(out)));
  return out;
}

std::optional<Checkpoint> DecodeCheckpoint(std::string_view bytes) {
  constexpr std::size_t kBody = 6 + 9 * 8;
  if (bytes.size() != kBody + 4 || static_cast<std::uint8_t>(bytes[0]) != kVersion ||
      static_cast<std::uint8_t>(bytes[1]) > 1) {
    return std::nullopt;
  }
  if (LoadLe<std::uint32_t>(bytes.data() + kBody) !=
      static_cast<std::uint32_t>(Hash64(bytes.substr(0, kBody)))) {
    return std::nullopt;
  }
  const auto u16 = [&](std::size_t at) { return LoadLe<std::uint16_t>(bytes.data() + at); };
  const auto u64 = [&](std::size_t i) { return LoadLe<std::uint64_t>(bytes.data() + 6 + 8 * i); };
  const auto i64 = [&](std::size_t i) { return LoadLe<std::int64_t>(bytes.data() + 6 + 8 * i); };
  const Checkpoint checkpoint{.path_hash = u64(0),
                              .birth_ns = i64(1),
                              .modified_ns = i64(2),
                              .head_hash = u64(3),
                              .marker_hash = u64(4),
                              .read_offset = u64(5),
                              .size_seen = u64(6),
                              .accepted = {u64(7), u64(8)},
                              .head_bytes = u16(2),
                              .marker_bytes = u16(4),
                              .done = bytes[1] == 1};
  constexpr std::uint64_t kOffsetMax = 1ULL << 62;  // Of no file: off_t is signed.
  if (checkpoint.head_bytes > kHeadBytes || checkpoint.marker_bytes > kMarkerBytes ||
      checkpoint.read_offset > kOffsetMax || checkpoint.marker_bytes > checkpoint.read_offset ||
      checkpoint.accepted[0] > kOffsetMax || checkpoint.accepted[1] > kOffsetMax ||
      checkpoint.resume_offset() > checkpoint.read_offset) {
    return std::nullopt;
  }
  return checkpoint;
}

}  // namespace opssight
