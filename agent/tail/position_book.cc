#include "agent/tail/position_book.h"

#include "common/base/clock.h"
#include "common/text/number.h"

namespace opssight {
namespace {

constexpr std::string_view kAliveKey = "tail/alive";
constexpr std::int64_t kAlivePeriodNs = 10 * kNsPerSecond;

}  // namespace

void PositionBook::Load(const std::vector<Position>& positions, std::uint64_t* bad) {
  for (const Position& position : positions) {
    if (position.key == kAliveKey) {
      alive_ns_ = ParseInt<std::int64_t>(position.value.value_or("")).value_or(0);
      continue;
    }
    const auto id = ParseCheckpointKey(position.key);
    const auto checkpoint =
        position.value ? DecodeCheckpoint(*position.value) : std::optional<Checkpoint>();
    if (!id || !checkpoint) ++*bad;
    if (!id) continue;
    entries_[*id] = Entry{.checkpoint = checkpoint.value_or(Checkpoint{})};
    by_path_.emplace(entries_[*id].checkpoint.path_hash, *id);
  }
}

const Checkpoint* PositionBook::Find(const FileId& id) const {
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? nullptr : &entry->second.checkpoint;
}

std::vector<std::pair<FileId, Checkpoint>> PositionBook::OfPath(std::uint64_t path_hash) const {
  std::vector<std::pair<FileId, Checkpoint>> found;
  for (auto at = by_path_.lower_bound({path_hash, FileId{}});
       at != by_path_.end() && at->first == path_hash; ++at) {
    found.emplace_back(at->second, entries_.at(at->second).checkpoint);
  }
  return found;
}

void PositionBook::Set(const FileId& id, const Checkpoint& checkpoint) {
  Entry& entry = entries_[id];
  entry.unseen = 0;
  if (entry.checkpoint == checkpoint) return;
  if (entry.checkpoint.path_hash != checkpoint.path_hash) {
    by_path_.erase({entry.checkpoint.path_hash, id});
    by_path_.emplace(checkpoint.path_hash, id);
  }
  entry.checkpoint = checkpoint;
  dirty_[id] = true;
}

void PositionBook::Forget(const FileId& id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  by_path_.erase({entry->second.checkpoint.path_hash, id});
  entries_.erase(entry);
  dirty_[id] = false;
}

std::vector<Position> PositionBook::TakeDirty(std::int64_t wall_ns) {
  std::vector<Position> positions;
  positions.reserve(dirty_.size() + 1);
  if (dirty_.empty()) return positions;
  if (wall_ns - alive_ns_ >= kAlivePeriodNs || wall_ns < alive_ns_) {
    alive_ns_ = wall_ns;
    positions.push_back({.key = std::string(kAliveKey), .value = std::to_string(wall_ns)});
  }
  for (const auto& [id, stored] : dirty_) {
    Position& position = positions.emplace_back();
    position.key = CheckpointKey(id);
    if (stored) position.value = EncodeCheckpoint(entries_[id].checkpoint);
  }
  dirty_.clear();
  return positions;
}

std::vector<Position> PositionBook::TakeLast(std::int64_t wall_ns) {
  std::vector<Position> positions = TakeDirty(wall_ns);
  alive_ns_ = wall_ns;
  positions.push_back({.key = std::string(kAliveKey), .value = std::to_string(wall_ns)});
  return positions;
}

void PositionBook::Saw(const FileId& id) {
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) entry->second.unseen = 0;
}

std::vector<std::pair<FileId, Checkpoint>> PositionBook::Sweep() {
  std::vector<std::pair<FileId, Checkpoint>> unread;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (++entry->second.unseen <= 2) {
      ++entry;
      continue;
    }
    const Checkpoint& checkpoint = entry->second.checkpoint;
    if (!checkpoint.done && checkpoint.size_seen > checkpoint.resume_offset()) {
      unread.emplace_back(entry->first, checkpoint);
    }
    by_path_.erase({checkpoint.path_hash, entry->first});
    dirty_[entry->first] = false;
    entry = entries_.erase(entry);
  }
  return unread;
}

}  // namespace opssight
