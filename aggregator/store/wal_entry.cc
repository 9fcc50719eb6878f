#include "aggregator/store/wal_entry.h"

#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {

bool WalEntryView::FrameIntact() const {
  return Hash64(frame) == frame_hash;
}

void EncodeWalEntry(std::string_view agent_id, std::uint64_t epoch, std::uint64_t seq,
                    std::uint64_t frame_hash, std::string_view frame, std::string* out) {
  OPS_CHECK(agent_id.size() <= kAgentIdBytesMax, "agent id of {} bytes", agent_id.size());
  std::string header;
  PutLe(header, frame_hash);
  PutLe(header, epoch);
  PutLe(header, seq);
  PutLe(header, static_cast<std::uint8_t>(agent_id.size()));
  header.append(agent_id);
  out->clear();
  out->reserve(sizeof(std::uint64_t) + header.size() + frame.size());
  PutLe(*out, Hash64(header));
  out->append(header);
  out->append(frame);
}

Result<WalEntryView> DecodeWalEntry(std::string_view value) {
  std::string_view rest = value;
  const auto check = GetLe<std::uint64_t>(rest);
  const std::string_view header = rest;
  const auto frame_hash = GetLe<std::uint64_t>(rest);
  const auto epoch = GetLe<std::uint64_t>(rest);
  const auto seq = GetLe<std::uint64_t>(rest);
  const auto size = GetLe<std::uint8_t>(rest);
  const bool whole = check && frame_hash && epoch && seq && size;
  if (!whole || rest.size() < *size) return Corrupt("wal entry: too short");
  const std::size_t header_bytes = header.size() - rest.size() + *size;
  if (Hash64(header.substr(0, header_bytes)) != *check) {
    return Corrupt("wal entry: header fails its checksum");
  }
  return WalEntryView{.agent_id = rest.substr(0, *size),
                      .epoch = *epoch,
                      .seq = *seq,
                      .frame_hash = *frame_hash,
                      .frame = rest.substr(*size)};
}

}  // namespace opssight
