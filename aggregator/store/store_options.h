// What may be set about the store, what it counts, and where a test may look in.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "aggregator/store/signal_store.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace opssight {

// The signals in the order in which they are flushed and recovered.
enum class StoreSignal : std::uint8_t { kMetrics, kLogs, kSpans, kGaps };
std::string_view ToString(StoreSignal signal);

// store outlives the Store. At most one slot a signal; a signal without one is not kept.
struct SignalSlot {
  StoreSignal signal;
  SignalStore* store;
};

struct Retention {
  std::int64_t keep_ms = 0;     // 0: for ever.
  std::uint64_t bytes_max = 0;  // On disk, oldest days go first. 0: no limit.
};

// Where the Store is, for tests that crash it there. Called on the thread that
// does the step, without a lock held.
enum class StorePoint : std::uint8_t {
  kCommitted,      // A group is durable; nobody knows yet.
  kHandedOver,     // It is queued for the signals; its senders do not know.
  kFrozen,         // All signals froze at the cut.
  kCutNoted,       // meta.mdb holds the cut as begun.
  kSignalFlushed,  // One signal wrote its days (once for each).
  kFlushed,        // All did; the wal does not know yet.
  kCutRecorded,    // The wal does; heads are still what queries see.
  kPublished,      // Days are what queries see; the wal still holds the entries.
  kTrimmed,        // A piece of them is gone (once for each piece).
};
class StoreHooks {
 public:
  virtual ~StoreHooks() = default;
  virtual void At(StorePoint point) = 0;
  // What is said of a commit that is on disk.
  virtual Status OnCommit() { return {}; }
};

struct DiskSpace {
  std::uint64_t free_bytes = 0;  // For us, without root's reserve.
  std::uint64_t total_bytes = 0;
};
Result<DiskSpace> ReadDiskSpace(const std::string& dir);  // statvfs

struct StoreOptions {
  std::string dir;  // wal.mdb and meta.mdb.

  // Commit. A lone batch is committed at once; under load a group is collected
  // for window_min to window_max, or until it has group_bytes_max.
  std::int64_t window_min_ms = 5;
  std::int64_t window_max_ms = 20;
  std::size_t group_bytes_max = 4UL << 20;
  std::size_t batch_bytes_max = 80UL << 20;  // A larger frame is kInvalid.
  // For what comes back from the wal: at least what ingest allows.
  BatchLimits batch_limits;
  // Records with a time further ahead of our clock are refused by the signals.
  std::int64_t future_ms = kMsPerDay;
  // Frames and decoded batches submitted and not yet applied. Above it Submit
  // answers kUnavailable at once.
  std::size_t in_flight_bytes_max = 256UL << 20;
  std::int64_t retry_ms = 1000;  // After a failed commit: refuse this long, then try again.
  std::size_t wal_map_bytes = 64UL << 30;  // Address space; also the largest wal.mdb.
  std::size_t meta_map_bytes = 1UL << 30;

  // Flush, whichever comes first. Where flushing fails, or is slower than what comes, ingest
  // is refused at twice wal_bytes_max or head_bytes_max, until a flush succeeds.
  std::int64_t flush_age_ms = 30 * 60'000;
  std::uint64_t wal_bytes_max = 512UL << 20;   // Frames since the last flush.
  std::uint64_t head_bytes_max = 256UL << 20;  // Growth of the heads since the last flush.
  std::size_t trim_bytes = 4UL << 20;          // Of the wal, in one transaction.
  std::int64_t flush_retry_ms = 5000;          // After a failed flush.
  std::int64_t tick_ms = 1000;  // How often the flusher looks at age, sizes and the disk.

  // Retention, each retention_every_ms.
  Retention metrics{.keep_ms = 30 * kMsPerDay};
  Retention logs{.keep_ms = 7 * kMsPerDay};
  Retention spans{.keep_ms = 7 * kMsPerDay};
  Retention gaps{.keep_ms = 30 * kMsPerDay, .bytes_max = 64UL << 20};
  std::int64_t retention_every_ms = 3'600'000;

  SealOptions seal;

  // Below the smaller of the two ingest is refused; queries go on.
  std::uint64_t disk_reserve_bytes = 256UL << 20;
  double disk_reserve_share = 0.02;
  std::function<Result<DiskSpace>(const std::string& dir)> disk_space = ReadDiskSpace;

  std::size_t layout_cache_bytes = 32UL << 20;  // Decoded layouts kept beyond their users.

  Clock* clock = &Clock::System();
  StoreHooks* hooks = nullptr;  // Tests only.
};

// Counters and levels; written by the store's threads, read by any.
struct StoreStats {
  using Counter = std::atomic<std::uint64_t>;
  Counter commits{0};  // Transactions.
  Counter committed_batches{0};
  Counter committed_bytes{0};  // Frames.
  Counter commit_us{0};
  Counter duplicates{0};
  Counter conflicts{0};  // Duplicates whose bytes differ from what was stored.
  Counter out_of_order{0};
  Counter rejected_full{0};     // in_flight_bytes_max.
  Counter rejected_invalid{0};  // Size, seq, or a layout nobody sent.
  Counter rejected_stopping{0};
  Counter rejected_disk{0};    // Free disk below the reserve.
  Counter rejected_flush{0};   // Flush behind: it fails, or is slower than what comes.
  Counter rejected_commit{0};  // A commit failed just now.
  Counter commit_errors{0};
  Counter in_flight_bytes{0};  // Level.
  Counter wal_entries{0};      // Level: in the wal, trimmed or not yet flushed.
  Counter wal_bytes{0};        // Level, of their values.
  Counter replayed_batches{0};
  Counter corrupt_entries{0};
  Counter corrupt_layouts{0};
  Counter corrupt_agents{0};
  Counter flushes{0};
  Counter flush_errors{0};
  Counter flush_us{0};
  Counter flushed_bytes{0};  // Frames that went to days.
  Counter trim_errors{0};
  Counter retention_runs{0};
  Counter retention_errors{0};
  Counter retention_bytes{0};    // Freed on disk.
  Counter retention_skipped{0};  // The wall clock had jumped.
  Counter sealed_days{0};
  Counter seal_errors{0};
  Counter seal_us{0};
  Counter layouts{0};  // Level: known.
  Counter layouts_trimmed{0};
  Counter disk_free_bytes{0};  // Level.
};

}  // namespace opssight
