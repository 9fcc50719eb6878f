// Wal is wal.mdb: batches that are not in a day environment yet, what is durable of
// each agent, the layouts, and up to where the days are complete. Typed
// transactions only; who may do what when is the Store's business.
//
//   wal      position u64 BE                  -> wal_entry.h
//   agents   agent id, epoch u64 BE           -> runs.h
//   state    "flushed"                        -> cut u64 LE
//   layouts  LayoutId high, low u64 BE        -> layouts.h
//
// Any thread; calls take turns. A failed write changed nothing that a reader can
// count on: read back what is there (GuardedEnv opens the file anew).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/store/acceptor.h"
#include "aggregator/store/guarded_env.h"
#include "aggregator/store/signal_store.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal_pieces.h"
#include "common/base/mutex.h"

namespace opssight {

struct WalGroup {
  struct Entry {
    WalPosition position;
    const IncomingBatch* batch;
  };
  std::vector<Entry> entries;  // Ascending, above all that is in the wal.
  std::vector<std::pair<std::string, std::string>> agents;  // AgentKey -> value.
  std::vector<std::pair<LayoutId, std::string>> layouts;    // -> value.
};

// What tells (agent, epoch) apart, and the key of table agents.
std::string AgentKey(std::string_view agent_id, std::uint64_t epoch);

class Wal {
 public:
  struct RawEntry {
    WalPosition position;
    std::string value;
  };
  struct Size {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
  };
  using KeyValues = std::vector<std::pair<std::string, std::string>>;

  // *set_aside as in OpenOrSetAside. Keeps stats.wal_entries and wal_bytes.
  static Result<std::unique_ptr<Wal>> Open(const std::string& dir, std::size_t map_bytes,
                                           std::int64_t now_ms, StoreStats& stats,
                                           std::string* set_aside);

  // One transaction, durable when it returns well.
  Status Commit(const WalGroup& group) OPS_EXCLUDES(size_mutex_);

  // Entries above position in order, until their values reach bytes_max (at least
  // one where there is one). Copies, so that the read transaction is short.
  Result<std::vector<RawEntry>> ReadAfter(WalPosition position, std::size_t bytes_max);
  Result<WalPosition> LastPosition();  // 0: none.
  // The lowest position that has at most bytes_max above it (WalPieces); 0 where all fits.
  Result<WalPosition> OldestWithin(std::uint64_t bytes_max) OPS_EXCLUDES(size_mutex_);
  Result<KeyValues> Agents();

  Result<std::optional<WalPosition>> Flushed();  // Nothing: a new file.
  Status RecordFlushed(WalPosition cut);
  // Deletes entries <= cut, lowest first, of at most bytes_max; says what went.
  // Nothing went: none are left.
  Result<Size> Trim(WalPosition cut, std::size_t bytes_max) OPS_EXCLUDES(size_mutex_);

  Result<std::optional<std::string>> Layout(const LayoutId& id);
  // Calls see(id, value) for each; value ends with the call.
  Status Layouts(const std::function<void(const LayoutId&, std::string_view)>& see);
  Status DeleteLayouts(const std::vector<LayoutId>& ids);

 private:
  Wal(std::unique_ptr<GuardedEnv> env, StoreStats& stats) : env_(std::move(env)), stats_(stats) {}
  // What a transaction does to the wal: each entry put, with its bytes, and what it deleted.
  struct Changes {
    std::vector<std::pair<WalPosition, std::uint64_t>> put;
    Size deleted;
  };
  Status Measure() OPS_REQUIRES(size_mutex_);
  static Result<Changes> All(ReadTxn& txn);  // Reads every leaf.
  void Start(const Changes& all) OPS_REQUIRES(size_mutex_);
  void Follow(const Changes& changes) OPS_REQUIRES(size_mutex_);
  static Status PutGroup(WriteTxn& txn, const WalGroup& group, Changes& changes);
  // Runs body as a transaction; the level moves with it.
  Status Change(const std::function<Status(WriteTxn&, Changes&)>& body) OPS_EXCLUDES(size_mutex_);

  const std::unique_ptr<GuardedEnv> env_;
  StoreStats& stats_;
  Mutex size_mutex_;  // Held around whole transactions, so that the level is exact.
  bool measured_ OPS_GUARDED_BY(size_mutex_) = false;
  WalPieces pieces_ OPS_GUARDED_BY(size_mutex_);
};

}  // namespace opssight
