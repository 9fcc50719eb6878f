// LogsStore is the logs' part of the store: a head for each UTC day, and the day
// environments l-YYYYMMDD.mdb of blocks (aggregator/store/days). A line goes to the
// day of its own time, in any order.
//
// Threads: as SignalStore says; queries on any thread. A query holds the lock only
// while it looks at lines that are in no block yet.
// A block that fails its checksum is left out, counted, and stops nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/days/day_blocks.h"
#include "aggregator/store/logs/log_head.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"

namespace opssight {

struct LogsOptions {
  std::string dir;
  std::size_t block_raw_bytes = 1UL << 20;
  // Of lines in memory that no block holds yet; above it some are made a block early.
  std::size_t open_bytes_max = 32UL << 20;
  std::size_t transaction_bytes_max = 4UL << 20;
  std::size_t map_bytes = 64UL << 30;  // Of one day.
};

class LogsStore final : public SignalStore, public LineSource {
 public:
  explicit LogsStore(LogsOptions options);

  Result<WalPosition> NewestCut() override { return days_.NewestCut(); }
  Status Recover(WalPosition flushed) override;
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override;
  void Freeze(WalPosition cut) override;
  Status Flush(WalPosition cut) override;
  void Publish(WalPosition cut) override;
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override;
  std::vector<SignalLoss> TakeLosses() override { return days_.TakeLosses(); }
  std::uint64_t disk_bytes() const override;
  std::uint64_t head_bytes() const override;

  Result<std::vector<LogStreamLines>> Select(const LineQuery& query,
                                             const QueryLimits& limits) const override;
  Result<std::vector<Labels>> SelectStreams(const std::vector<Matcher>& matchers,
                                            std::int64_t from_ns, std::int64_t to_ns,
                                            const QueryLimits& limits) const override;

  std::uint64_t refused_records() const override { return refused_.load(); }  // Lines.
  std::uint64_t corrupt_blocks() const { return days_.corrupt_blocks(); }

 private:
  // A moment's view: each line is in exactly one of its parts (or was looked at
  // under the lock when it was taken).
  struct Pieces {
    LogDayBlocks::Snapshot disk;
    MemoryBlocks memory;  // Frozen, then sealed in the heads.
  };
  Pieces TakePieces() const OPS_REQUIRES(mutex_);
  void Refuse(const Labels& stream);
  void KeepOpenBytes() OPS_REQUIRES(mutex_);
  Status SelectFromMemory(const MemoryBlocks& blocks, const LineQuery& query,
                          const QueryLimits& limits, LineCollector& collector) const;
  Status SelectFromDisk(const LogDayBlocks::Snapshot& disk, const LineQuery& query,
                        const QueryLimits& limits, LineCollector& collector) const;

  const LogsOptions options_;
  LogDayBlocks days_;
  std::atomic<std::uint64_t> refused_{0};
  mutable Mutex mutex_;
  std::map<DayNumber, LogHead> head_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
