// What ingest counts, for main to export. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/codec/session/frames.h"

namespace opssight {

struct IngestStats {
  using Counter = std::atomic<std::uint64_t>;

  Counter connections{0};                             // Accepted, TLS done.
  std::atomic<std::int64_t> sessions{0};              // Established now.
  std::array<Counter, session::kByeCodes> refused{};  // By ByeCode; [0] is unused.
  Counter silent{0};                                  // Closed: nothing came for dead_after_ms.
  Counter replaced{0};                                // Old sessions that a newcomer outlived.
  Counter epochs{0};                                  // New ones given.
  Counter enrolled{0};
  Counter renewed{0};
  Counter renewals_refused{0};
  Counter batches{0};  // Received.
  Counter batch_bytes{0};
  Counter stored{0};
  Counter duplicates{0};
  std::array<Counter, 5> nacks{};               // By NackCode; [0] is unused.
  Counter layouts{0};                           // Received.
  Counter pauses{0};                            // Reading stopped: the store is behind.
  std::atomic<std::int64_t> inflight_bytes{0};  // Handed to the store, not answered.
};

}  // namespace opssight
