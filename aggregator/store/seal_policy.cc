#include "aggregator/store/seal_policy.h"

#include "common/base/clock.h"

namespace opssight {
namespace {

// A moment in the future says that the clock was set back: then nothing is known of it.
bool IsRecent(std::int64_t time_ms, std::int64_t period_ms, std::int64_t now_ms) {
  return time_ms != 0 && now_ms >= time_ms && now_ms - time_ms < period_ms;
}

}  // namespace

bool IsDueToSeal(const SealOptions& options, const SealState& state, std::int64_t now_ms) {
  if (state.written == 0) return false;
  if (state.written <= state.done && !state.asked) return false;
  if (now_ms < (state.day + 1) * kMsPerDay + options.after_ms) return false;
  if (IsRecent(state.failed_ms, options.retry_ms, now_ms)) return false;
  return state.done == 0 || state.asked || !IsRecent(state.done_ms, options.again_after_ms, now_ms);
}

std::optional<std::int64_t> NextToSeal(const SealOptions& options,
                                       std::span<const SealState> states, std::int64_t now_ms) {
  std::optional<std::int64_t> next;
  for (const SealState& state : states) {
    if (next && *next <= state.day) continue;
    if (IsDueToSeal(options, state, now_ms)) next = state.day;
  }
  return next;
}

}  // namespace opssight
