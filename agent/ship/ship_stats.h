// What shipping counts, for main to export. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/codec/session/frames.h"

namespace opssight {

struct ShipStats {
  using Counter = std::atomic<std::uint64_t>;

  std::atomic<bool> connected{false};  // Welcome came, and no end yet.
  Counter connects{0};                 // Connections opened.
  Counter resumed{0};                  // Sessions whose TLS handshake was a resumption.
  Counter failures{0};                 // Attempts and connections that ended in an error.
  std::array<Counter, session::kByeCodes> refused{};  // By the code of the aggregator's Bye.
  Counter batches_sent{0};
  Counter bytes_sent{0};    // Of batches.
  Counter backlog_sent{0};  // Batches among them that went by the backlog lane.
  Counter layouts_sent{0};
  Counter acked{0};
  Counter present{0};              // Found stored already at Welcome.
  std::array<Counter, 5> nacks{};  // By NackCode; [0] is unused.
  Counter replaced{0};             // Batches given up for gap records: refused or damaged.
  Counter epochs{0};               // New ones taken on.
  Counter read_errors{0};          // Of the spool.
};

}  // namespace opssight
