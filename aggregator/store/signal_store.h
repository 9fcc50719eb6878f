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
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/codec/batch/batch.h"

namespace opssight {

// Where a batch stands in the wal; positions only grow.
using WalPosition = std::uint64_t;

struct BatchOrigin {
  WalPosition position = 0;
  std::string agent_id;  // UUID text; "" for the aggregator's own inputs.
  // Records with a later time are refused, or else each wrong clock made a file a day; so are
  // those before 1970. A replay's is later than that of the first time: it may take a record
  // that was refused, and refuses none that was taken unless the clock was set back by days.
  std::int64_t newest_ms = INT64_MAX;

  bool TimeFitsMs(std::int64_t time_ms) const { return time_ms >= 0 && time_ms <= newest_ms; }
  bool TimeFitsNs(std::int64_t time_ns) const {
    return TimeFitsMs(time_ns < 0 ? -1 : time_ns / 1'000'000);
  }
};

// Layouts known to the aggregator, by id. Safe on any thread.
class LayoutLookup {
 public:
  virtual ~LayoutLookup() = default;
  virtual std::shared_ptr<const Layout> Find(const LayoutId& id) const = 0;  // Null: unknown.
};

// When days are sealed (seal_policy.h).
struct SealOptions {
  std::int64_t after_ms = 3'600'000;        // Past the day's end.
  std::int64_t again_after_ms = 3'600'000;  // Where records came late: at most this often.
  std::int64_t retry_ms = 600'000;          // After a failure.
  std::int64_t tick_ms = 10'000;            // How often it is looked at.
};

struct SealTurn {
  SealOptions options;
  std::int64_t now_ms = 0;        // Wall clock.
  std::uint64_t spare_bytes = 0;  // What may be written to disk meanwhile.
  std::function<bool()> cancelled;
};

// What was on disk and cannot be read any more.
struct SignalLoss {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  std::string reason;
};

class SignalStore {
 public:
  virtual ~SignalStore() = default;

  // Before Recover: the newest cut on disk. Above all that the wal knows where the wal is
  // new or an older copy; then it says what the days hold.
  virtual Result<WalPosition> NewestCut() { return WalPosition{0}; }

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
  // Gives one day that is over the form in which it stays, where one is due: the same
  // records, in fewer and larger pieces. True: it did. An error: that day stays as it was,
  // and is not due for a while. Sealer's thread, beside all other calls.
  virtual Result<bool> SealDue(const SealTurn&) { return false; }
  // Those found since the last call, to become gap records. Flusher thread.
  virtual std::vector<SignalLoss> TakeLosses() { return {}; }
  virtual std::uint64_t refused_records() const { return 0; }  // For their time or shape.
  virtual std::uint64_t disk_bytes() const = 0;
  virtual std::uint64_t head_bytes() const = 0;  // Memory held, about.
  // Whether what the head has makes good blocks: then more of it only costs memory.
  virtual bool head_ripe() const { return false; }
};

}  // namespace opssight
