#include "aggregator/store/flush_policy.h"

#include <algorithm>

namespace opssight {
namespace {

std::uint64_t HeadGrowth(const FlushState& state) {
  return state.head_bytes - std::min(state.head_bytes, state.head_bytes_after_flush);
}

}  // namespace

std::string_view ToString(FlushReason reason) {
  switch (reason) {
    case FlushReason::kNone:
      return "none";
    case FlushReason::kAge:
      return "age";
    case FlushReason::kWalBytes:
      return "wal bytes";
    case FlushReason::kHeadBytes:
      return "head bytes";
    case FlushReason::kRipe:
      return "ripe";
    case FlushReason::kAsked:
      return "asked for";
    case FlushReason::kStop:
      return "stopping";
  }
  return "unknown";
}

FlushReason FlushDue(const StoreOptions& options, const FlushState& state) {
  if (!state.anything) return FlushReason::kNone;
  if (state.since_flush_ms >= options.flush_age_ms) return FlushReason::kAge;
  if (state.unfrozen_bytes >= options.wal_bytes_max) return FlushReason::kWalBytes;
  if (HeadGrowth(state) >= options.head_bytes_max) return FlushReason::kHeadBytes;
  // A small head may wait for its age: each flush costs some syncs.
  constexpr std::uint64_t kWorthParts = 8;
  if (state.ripe && HeadGrowth(state) >= options.head_bytes_max / kWorthParts) {
    return FlushReason::kRipe;
  }
  return FlushReason::kNone;
}

bool FlushBehind(const StoreOptions& options, const FlushState& state) {
  return state.unflushed_bytes >= 2 * options.wal_bytes_max ||
         HeadGrowth(state) >= 2 * options.head_bytes_max;
}

std::uint64_t HeadBytes(const std::vector<SignalSlot>& slots) {
  std::uint64_t bytes = 0;
  for (const SignalSlot& slot : slots) bytes += slot.store->head_bytes();
  return bytes;
}

std::uint64_t DiskReserve(const StoreOptions& options, const DiskSpace& space) {
  const auto share = static_cast<std::uint64_t>(static_cast<double>(space.total_bytes) *
                                                options.disk_reserve_share);
  return std::min(options.disk_reserve_bytes, share);
}

std::uint64_t SpareBytes(const StoreOptions& options) {
  const auto space = options.disk_space(options.dir);
  if (!space) return UINT64_MAX;
  const std::uint64_t reserve = DiskReserve(options, *space);
  return space->free_bytes < reserve ? 0 : space->free_bytes - reserve;
}

RetentionSchedule::Answer RetentionSchedule::Ask(std::int64_t wall_ms, std::int64_t steady_ms) {
  if (steady_ms < due_ms_) return Answer::kNotYet;
  const std::int64_t expected_ms = wall_ms_ + (steady_ms - steady_ms_);
  const std::int64_t jump_ms = std::max(wall_ms, expected_ms) - std::min(wall_ms, expected_ms);
  const bool jumped = wall_ms_ != 0 && jump_ms > kMsPerDay;
  wall_ms_ = wall_ms;
  steady_ms_ = steady_ms;
  due_ms_ = steady_ms + every_ms_;
  return jumped ? Answer::kClockJumped : Answer::kRun;
}

}  // namespace opssight
