#include "agent/spool/state.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr std::uint32_t kFormat = 1;

Error Bad(std::string_view what) {
  return Corrupt("spool state: " + std::string(what));
}

template <class T>
Result<T> Read(std::string_view& bytes) {
  const std::optional<T> value = GetLe<T>(bytes);
  if (!value) return Bad("ends early");
  return *value;
}

}  // namespace

std::uint64_t Numbering::SeqOf(std::uint64_t key) const {
  auto after =
      std::upper_bound(segments_.begin(), segments_.end(), key,
                       [](std::uint64_t want, const Segment& one) { return want < one.key; });
  OPS_CHECK(after != segments_.begin(), "spool: key {} before the first segment", key);
  const Segment& segment = *--after;
  return segment.seq + (key - segment.key);
}

std::vector<SeqRange> Numbering::KeysOf(SeqRange seqs) const {
  std::vector<SeqRange> keys;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const bool is_last = i + 1 == segments_.size();
    const std::uint64_t end_seq = is_last ? next_seq() : segments_[i + 1].seq;
    const std::uint64_t first = std::max(seqs.first, segments_[i].seq);
    if (first >= end_seq || first > seqs.last) continue;
    const std::uint64_t last = std::min(seqs.last, end_seq - 1);
    keys.push_back({segments_[i].key + (first - segments_[i].seq),
                    segments_[i].key + (last - segments_[i].seq)});
  }
  return keys;
}

std::optional<std::uint64_t> Numbering::KeyOf(std::uint64_t seq) const {
  const std::vector<SeqRange> keys = KeysOf({seq, seq});
  if (keys.empty()) return std::nullopt;
  return keys.front().first;
}

void Numbering::Renumber(const RangeSet& live) {
  segments_.clear();
  std::uint64_t seq = 1;
  for (const SeqRange& range : live.ranges()) {
    segments_.push_back({.key = range.first, .seq = seq});
    seq += range.last - range.first + 1;
  }
  const bool goes_on = !live.empty() && live.ranges().back().last + 1 == next_key_;
  if (!goes_on) segments_.push_back({.key = next_key_, .seq = seq});
}

void Numbering::Encode(std::string& out) const {
  PutLe(out, next_key_);
  PutLe(out, static_cast<std::uint32_t>(segments_.size()));
  for (const Segment& segment : segments_) {
    PutLe(out, segment.key);
    PutLe(out, segment.seq);
  }
}

Result<Numbering> Numbering::Decode(std::string_view& bytes) {
  Numbering out;
  OPS_TRY(out.next_key_, Read<std::uint64_t>(bytes));
  OPS_TRY(const std::uint32_t count, Read<std::uint32_t>(bytes));
  out.segments_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    Segment segment;
    OPS_TRY(segment.key, Read<std::uint64_t>(bytes));
    OPS_TRY(segment.seq, Read<std::uint64_t>(bytes));
    const bool rises =
        i == 0 ? segment.key > 0 && segment.seq > 0
               : segment.key > out.segments_.back().key && segment.seq > out.segments_.back().seq;
    if (!rises || segment.key > out.next_key_) return Bad("segments out of order");
    out.segments_.push_back(segment);
  }
  if (out.segments_.empty()) return Bad("no segment");
  return out;
}

std::string SpoolState::Encode() const {
  std::string out;
  PutLe(out, kFormat);
  PutLe(out, epoch);
  PutLe(out, static_cast<std::uint8_t>(wants_epoch));
  PutLe(out, fork_key);
  PutLe(out, file_inode);
  numbering.Encode(out);
  PutLe(out, static_cast<std::uint32_t>(tombs.ranges().size()));
  for (const SeqRange& range : tombs.ranges()) {
    PutLe(out, range.first);
    PutLe(out, range.last);
  }
  if (agent_id.empty()) return out;
  PutLe(out, static_cast<std::uint32_t>(agent_id.size()));
  return out + agent_id;
}

Result<SpoolState> SpoolState::Decode(std::string_view bytes) {
  SpoolState out;
  OPS_TRY(const std::uint32_t format, Read<std::uint32_t>(bytes));
  if (format != kFormat) return Bad("format " + std::to_string(format) + " is not known");
  OPS_TRY(out.epoch, Read<std::uint64_t>(bytes));
  OPS_TRY(const std::uint8_t wants, Read<std::uint8_t>(bytes));
  out.wants_epoch = wants != 0;
  OPS_TRY(out.fork_key, Read<std::uint64_t>(bytes));
  OPS_TRY(out.file_inode, Read<std::uint64_t>(bytes));
  OPS_TRY(out.numbering, Numbering::Decode(bytes));
  OPS_TRY(const std::uint32_t count, Read<std::uint32_t>(bytes));
  for (std::uint32_t i = 0; i < count; ++i) {
    SeqRange range;
    OPS_TRY(range.first, Read<std::uint64_t>(bytes));
    OPS_TRY(range.last, Read<std::uint64_t>(bytes));
    if (range.first > range.last || range.last >= out.numbering.next_key()) {
      return Bad("tombstones out of order");
    }
    out.tombs.Add(range);
  }
  if (bytes.empty()) return out;  // Of before it was kept.
  OPS_TRY(const std::uint32_t size, Read<std::uint32_t>(bytes));
  if (size > bytes.size()) return Bad("ends early");
  out.agent_id = bytes.substr(0, size);
  return out;
}

}  // namespace opssight
