// How far a file was read, as bytes beside the records it covers. The format is in
// README.md. Pure.
//
// accepted[s] is the start of the first record of stream s (0 stdout, 1 stderr; both
// the same in a plain file) that no accepted row covers: a restart reads from the
// smaller one and leaves out records of s before accepted[s]. (After a restart the larger
// one may be ahead of what was read again.)
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace opssight {

inline constexpr std::size_t kHeadBytes = 1024;   // Of the fingerprint.
inline constexpr std::size_t kMarkerBytes = 256;  // Checked just before the read offset.

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

struct Checkpoint {
  std::uint64_t path_hash = 0;    // Of the live path it was followed for.
  std::int64_t birth_ns = 0;      // 0: the file system does not say.
  std::int64_t modified_ns = 0;   // When it was last read.
  std::uint64_t head_hash = 0;    // Of the first head_bytes bytes.
  std::uint64_t marker_hash = 0;  // Of the marker_bytes before read_offset.
  std::uint64_t read_offset = 0;  // All before it was read.
  std::uint64_t size_seen = 0;    // Size when last looked at.
  std::array<std::uint64_t, 2> accepted{};
  std::uint16_t head_bytes = 0;
  std::uint16_t marker_bytes = 0;
  bool done = false;  // Rotated away and read to its end.

  std::uint64_t resume_offset() const {
    return accepted[0] < accepted[1] ? accepted[0] : accepted[1];
  }
  bool operator==(const Checkpoint&) const = default;
};

inline constexpr std::string_view kTailPrefix = "tail/";

// "tail/<device>:<inode>" and back.
std::string CheckpointKey(const FileId& id);
std::optional<FileId> ParseCheckpointKey(std::string_view key);

std::string EncodeCheckpoint(const Checkpoint& checkpoint);
// Nothing for bytes of any other shape, version or checksum, or whose offsets make no
// sense: the file is then read from its beginning.
std::optional<Checkpoint> DecodeCheckpoint(std::string_view bytes);

}  // namespace opssight
