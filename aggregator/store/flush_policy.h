// When heads go to the day environments, as a decision without a thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregator/store/store_options.h"

namespace opssight {

enum class FlushReason : std::uint8_t { kNone, kAge, kWalBytes, kHeadBytes, kRipe, kAsked, kStop };
std::string_view ToString(FlushReason reason);

struct FlushState {
  bool anything = false;              // Something is applied that no day holds.
  std::int64_t since_flush_ms = 0;    // Steady time since the last one (or the start).
  std::uint64_t unfrozen_bytes = 0;   // Frames since the last freeze,
  std::uint64_t unflushed_bytes = 0;  // and with those of the flush under way.
  std::uint64_t head_bytes = 0;
  std::uint64_t head_bytes_after_flush = 0;  // What a flush does not free: indexes.
  bool ripe = false;                         // A head has what makes good blocks.
};

FlushReason FlushDue(const StoreOptions& options, const FlushState& state);
// Whether so much waits for the days that no more may be taken.
bool FlushBehind(const StoreOptions& options, const FlushState& state);
// Of all signals.
std::uint64_t HeadBytes(const std::vector<SignalSlot>& slots);

// Of the two reserves the smaller one: 2 % of a large disk would be too much, 256 MiB
// of a small one.
std::uint64_t DiskReserve(const StoreOptions& options, const DiskSpace& space);
// What may be filled of the disk now, above the reserve, by what can wait (sealing, cleaning,
// snapshots). The largest where it cannot be told: the write says so where it is full.
std::uint64_t SpareBytes(const StoreOptions& options);

// RetentionSchedule says when to drop old days, and from when on to keep. A wall
// clock that jumped by more than a day since it was last seen gets one period to be
// set right before anything is deleted by it.
class RetentionSchedule {
 public:
  // wall_ms: last seen, by an earlier process too (0: never).
  RetentionSchedule(std::int64_t every_ms, std::int64_t wall_ms, std::int64_t steady_ms)
      : every_ms_(every_ms), wall_ms_(wall_ms), steady_ms_(steady_ms), due_ms_(steady_ms) {}

  enum class Answer : std::uint8_t { kNotYet, kRun, kClockJumped };
  Answer Ask(std::int64_t wall_ms, std::int64_t steady_ms);

 private:
  const std::int64_t every_ms_;
  std::int64_t wall_ms_;
  std::int64_t steady_ms_;
  std::int64_t due_ms_;
};

}  // namespace opssight
