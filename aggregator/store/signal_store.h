// SignalStore is one signal's part of the store (metrics, logs, spans, gaps):
// a head in memory fed from the wal, and day environments on disk. The Store
// drives it; queries reach it through its own source interface.
//
// Life of a batch: Apply (worker thread, in wal order) -> Freeze(cut) (same thread:
// what was applied so far becomes the frozen head, still queryable) -> Flush(cut)
// (flusher thread: frozen head to day environments, keys begin with cut, big-endian,
// transactions of <= 4 MiB) -> the Store records the cut in the wal and trims it ->
// Publish(cut) (any thread: in one step the frozen head is dropped and keys of the cut
// become visible). Keys with a cut above the recorded one are leftovers of a crash:
// Recover removes them, and replay of the wal makes them again.
//
// A signal with nothing to freeze still gets every call. Calls of Freeze, Flush and
// Publish alternate in this order; Apply goes on beside Flush.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/codec/batch/batch.h"

namespace opssight {

// Where a batch stands in the wal; positions only grow.
using WalPosition = std::uint64_t;

struct BatchOrigin {
  WalPosition position = 0;
  std::string agent_id;  // UUID text; "" for the aggregator's own inputs.
};

// Layouts known to the aggregator, by id. Safe on any thread.
class LayoutLookup {
 public:
  virtual ~LayoutLookup() = default;
  virtual std::shared_ptr<const Layout> Find(const LayoutId& id) const = 0;  // Null: unknown.
};

class SignalStore {
 public:
  virtual ~SignalStore() = default;

  // Before anything else: drops leftovers of cuts above flushed, then shows
  // everything up to it.
  virtual Status Recover(WalPosition flushed) = 0;
  virtual void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) = 0;
  virtual void Freeze(WalPosition cut) = 0;
  virtual Status Flush(WalPosition cut) = 0;
  virtual void Publish(WalPosition cut) = 0;

  // Retention. Deletes the days wholly before keep_from_ms, then the oldest until
  // at most bytes_max are on disk (0: no limit). Flusher thread.
  virtual Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) = 0;
  virtual std::uint64_t disk_bytes() const = 0;
  virtual std::uint64_t head_bytes() const = 0;  // Memory held, about.
};

}  // namespace opssight
