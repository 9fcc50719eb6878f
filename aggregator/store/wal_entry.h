// One value of the wal: who sent the batch, then its frame as received.
//
//   u64 LE  check: XXH3-64 of what follows up to the frame
//   u64 LE  XXH3-64 of the frame
//   u64 LE  epoch
//   u64 LE  seq (0: an own input of the aggregator)
//   u8      n, then n bytes: agent id
//   rest    frame
//
// Two checks, so that a damaged frame still says whose it was, and so that a commit
// hashes each byte once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

inline constexpr std::size_t kAgentIdBytesMax = 255;

struct WalEntryView {
  std::string_view agent_id;
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  std::uint64_t frame_hash = 0;
  std::string_view frame;
  bool FrameIntact() const;
};

// Replaces *out. agent_id of at most kAgentIdBytesMax; frame_hash is Hash64(frame).
void EncodeWalEntry(std::string_view agent_id, std::uint64_t epoch, std::uint64_t seq,
                    std::uint64_t frame_hash, std::string_view frame, std::string* out);
// kCorrupt unless the header is whole. Views are into value; the frame is not checked.
Result<WalEntryView> DecodeWalEntry(std::string_view value);

}  // namespace opssight
