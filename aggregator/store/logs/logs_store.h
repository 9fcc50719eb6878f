// LogsStore is the logs' part of the store: a head for each UTC day, and a day
// environment l-YYYYMMDD.mdb of blocks (table `blocks`, key: cut u64, number u32,
// both big-endian). A line goes to the day of its own time, in any order.
//
// Threads: as SignalStore says; queries on any thread. A query copies the lists of
// blocks under the lock and reads them outside it; only the head is read under it.
// A block that fails its checksum is left out, counted, and stops nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/logs/log_head.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"
#include "common/lmdb/env.h"

namespace opssight {

struct LogsOptions {
  std::string dir;
  std::size_t block_raw_bytes = 1UL << 20;
  std::size_t transaction_bytes_max = 4UL << 20;
  std::size_t map_bytes = 64UL << 30;  // Of one day.
};

class LogsStore final : public SignalStore, public LineSource {
 public:
  explicit LogsStore(LogsOptions options) : options_(std::move(options)) {}

  Status Recover(WalPosition flushed) override;
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override;
  void Freeze(WalPosition cut) override;
  Status Flush(WalPosition cut) override;
  void Publish(WalPosition cut) override;
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override;
  std::uint64_t disk_bytes() const override;
  std::uint64_t head_bytes() const override;

  Result<std::vector<LogStreamLines>> Select(const LineQuery& query,
                                             const QueryLimits& limits) const override;
  Result<std::vector<Labels>> SelectStreams(const std::vector<Matcher>& matchers,
                                            std::int64_t from_ns, std::int64_t to_ns,
                                            const QueryLimits& limits) const override;

  std::uint64_t corrupt_blocks() const { return corrupt_blocks_.load(); }

 private:
  using DayNumber = std::int64_t;  // Days since 1970-01-01.
  struct StoredBlock {
    std::string key;
    BlockHead head;
  };
  // Lists are replaced, never changed, so that a query keeps the one it took.
  struct Day {
    std::shared_ptr<Env> env;
    std::shared_ptr<const std::vector<StoredBlock>> blocks;
  };
  using Frozen = std::map<DayNumber, std::vector<MemoryBlock>>;
  struct Snapshot {
    std::map<DayNumber, Day> days;
    std::shared_ptr<const Frozen> frozen;
  };

  std::string PathOf(DayNumber day) const;
  Result<std::shared_ptr<Env>> OpenDay(DayNumber day);
  Result<Day> RecoverDay(DayNumber day, WalPosition flushed);
  Status FlushDay(DayNumber day, const std::vector<MemoryBlock>& blocks, WalPosition cut);
  Status SelectDay(const Day& day, const LineQuery& query, const QueryLimits& limits,
                   std::uint64_t& piece, LineCollector& out) const;
  void DropDay(DayNumber day);
  Snapshot Take() const;

  const LogsOptions options_;
  mutable std::atomic<std::uint64_t> corrupt_blocks_{0};
  mutable Mutex mutex_;
  std::map<DayNumber, LogHead> head_ OPS_GUARDED_BY(mutex_);
  std::shared_ptr<const Frozen> frozen_ OPS_GUARDED_BY(mutex_);
  std::map<DayNumber, Day> days_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
