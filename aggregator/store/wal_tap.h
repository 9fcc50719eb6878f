// WalTap is what may be read off the wal beside the signals: every batch once, in the order
// of its commit, by who keeps count of where it is (remote write to other receivers). What
// a reader holds is not trimmed. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregator/store/signal_store.h"
#include "aggregator/store/wal.h"
#include "common/base/result.h"

namespace opssight {

class WalTap {
 public:
  virtual ~WalTap() = default;
  // Entries above position in order, until their values reach bytes_max (at least one where
  // there is one). Where the first is not position + 1, those between were trimmed.
  virtual Result<std::vector<Wal::RawEntry>> ReadWal(WalPosition position,
                                                     std::size_t bytes_max) = 0;
  // The last position given out; 0: none. After Start.
  virtual WalPosition LastPosition() = 0;
  // The position from which on the wal's newest bytes_max are, to a piece (WalPieces). 0: all
  // of the wal is within.
  virtual WalPosition OldestWithin(std::uint64_t bytes_max) = 0;
  // Entries above position stay until who says otherwise.
  virtual void HoldWal(const std::string& who, WalPosition position) = 0;
};

}  // namespace opssight
