// SpansStore is the spans' part of the store: a head for each UTC day of a span's
// start, and the day environments t-YYYYMMDD.mdb of blocks (aggregator/store/days).
//
// Threads: as SignalStore says; queries on any thread. A block that fails its
// checksum is left out, counted, and stops nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/days/day_blocks.h"
#include "aggregator/store/signal_store.h"
#include "aggregator/store/spans/span_head.h"
#include "common/base/mutex.h"

namespace opssight {

struct SpansOptions {
  std::string dir;
  std::size_t block_spans = 8'192;  // About 2 MB of spans as OTLP.
  // In memory, for large spans; far below what a reader unpacks (SpanBlockLimits).
  std::size_t block_bytes = 32UL << 20;
  std::size_t transaction_bytes_max = 4UL << 20;
  std::size_t map_bytes = 64UL << 30;  // Of one day.
};

class SpansStore final : public SignalStore, public SpanSource {
 public:
  explicit SpansStore(SpansOptions options);

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

  Result<std::vector<Span>> Trace(const TraceId& id, const QueryLimits& limits) const override;

  std::uint64_t refused_records() const override { return refused_.load(); }  // Spans.
  std::uint64_t corrupt_blocks() const { return days_.corrupt_blocks(); }

 private:
  const SpansOptions options_;
  SpanDayBlocks days_;
  std::atomic<std::uint64_t> refused_{0};
  mutable Mutex mutex_;
  std::map<DayNumber, SpanHead> head_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
