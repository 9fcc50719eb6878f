// Which days are sealed, and when: a UTC day that is over gets the form in which it
// stays (SignalStore::SealDue). Pure; time is an argument (wall clock, ms).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "aggregator/store/signal_store.h"

namespace opssight {

struct SealState {
  std::int64_t day = 0;     // Since 1970-01-01, UTC.
  WalPosition written = 0;  // The newest cut that wrote into it. 0: none.
  WalPosition done = 0;     // Up to which cut all was done. 0: never.
  std::int64_t done_ms = 0;
  bool asked = false;          // Due though nothing was written since: a rule of retention.
  std::int64_t failed_ms = 0;  // When it was tried last and failed. 0: it did not.
};

// A day is due options.after_ms past its end; once more where records came late, at most
// each again_after_ms; after a failure not before retry_ms.
bool IsDueToSeal(const SealOptions& options, const SealState& state, std::int64_t now_ms);

// The oldest of those that are due.
std::optional<std::int64_t> NextToSeal(const SealOptions& options,
                                       std::span<const SealState> states, std::int64_t now_ms);

}  // namespace opssight
