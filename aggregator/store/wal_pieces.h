// WalPieces knows, to a piece of 256 KiB, at which positions the bytes of the wal lie, so that
// "the newest 512 MiB" is answered without reading the wal: 16 B of memory a piece. Not for
// several threads.
#pragma once

#include <cstdint>
#include <deque>

#include "aggregator/store/signal_store.h"

namespace opssight {

class WalPieces {
 public:
  static constexpr std::uint64_t kPieceBytes = 256UL << 10;

  // Above all positions before.
  void Add(WalPosition position, std::uint64_t bytes) {
    if (pieces_.empty() || pieces_.back().bytes >= kPieceBytes) pieces_.emplace_back();
    pieces_.back().last = position;
    pieces_.back().bytes += bytes;
  }
  // Those of the lowest positions.
  void Remove(std::uint64_t bytes) {
    while (bytes > 0 && !pieces_.empty()) {
      Piece& first = pieces_.front();
      const std::uint64_t gone = bytes < first.bytes ? bytes : first.bytes;
      first.bytes -= gone;
      bytes -= gone;
      if (first.bytes == 0) pieces_.pop_front();
    }
  }
  // The lowest position that has at most bytes_max above it, up to a piece too high. 0: all
  // of the wal fits.
  WalPosition OldestWithin(std::uint64_t bytes_max) const {
    std::uint64_t bytes = 0;
    for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
      bytes += piece->bytes;
      if (bytes > bytes_max) return piece->last;
    }
    return 0;
  }

 private:
  struct Piece {
    WalPosition last = 0;
    std::uint64_t bytes = 0;
  };
  std::deque<Piece> pieces_;
};

}  // namespace opssight
