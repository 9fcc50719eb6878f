// GapsStore keeps what could not be kept: gap records, small and few. One
// environment gaps.mdb (table `gaps`, key: cut u64, number u32, both big-endian;
// value: gap_record.h), since a gap may span days and a file a day would be mostly
// empty. A query reads them all, about 5 M records a second, some thousand in one
// transaction, so that a flush does not wait for it; bytes_max of the retention (64 MiB)
// bounds that, and its limit what it holds in memory.
//
// Threads: as SignalStore says; queries on any thread. A record that fails its
// checksum is left out and counted. A file that is no environment any more is set
// aside, at the start or by the flush that meets it, and a gap record says so: losing the
// list of losses must not stop anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/query/source.h"
#include "aggregator/store/guarded_env.h"
#include "aggregator/store/signal_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace opssight {

struct GapsOptions {
  std::string dir;
  std::size_t transaction_bytes_max = 1UL << 20;
  std::size_t map_bytes = 1UL << 30;
  const Clock* clock = &Clock::System();  // Names a file that is set aside.
};

class GapsStore final : public SignalStore, public GapSource {
 public:
  explicit GapsStore(GapsOptions options) : options_(std::move(options)) {}

  Result<WalPosition> NewestCut() override;
  Status Recover(WalPosition flushed) override;
  void Apply(const BatchOrigin& origin, std::shared_ptr<const DecodedBatch> batch) override;
  void Freeze(WalPosition cut) override;
  Status Flush(WalPosition cut) override;
  void Publish(WalPosition cut) override;
  // By the end of a gap; by size in the order in which they came. The file itself
  // does not shrink, its space is used again.
  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) override;
  std::vector<SignalLoss> TakeLosses() override { return std::exchange(losses_, {}); }
  std::uint64_t disk_bytes() const override { return disk_bytes_.load(); }  // Of the records.
  std::uint64_t head_bytes() const override;

  // Those of one moment, but for what retention deletes meanwhile: each is in exactly one of
  // head and disk.
  Result<GapAnswer> Gaps(std::int64_t from_ns, std::int64_t to_ns,
                         std::size_t limit) const override;

  std::uint64_t corrupt_records() const { return corrupt_records_.load(); }

 private:
  using Records = std::vector<Gap>;
  Status OpenEnv();
  Status DropLeftovers();
  Status FlushAll(WalPosition cut);
  void Lost(const std::string& aside);
  Status ReadPiece(WalPosition published, std::string& after, bool& more,
                   const std::function<void(Gap)>& see) const;
  Status FlushFrom(std::size_t& next, const Records& records, WalPosition cut);
  Status DeletePiece(std::int64_t keep_from_ns, std::uint64_t bytes_max, std::string& after,
                     bool& more);

  const GapsOptions options_;
  std::unique_ptr<GuardedEnv> env_;             // Set before all but the first call.
  std::vector<SignalLoss> losses_;              // Recover, then the flusher's.
  std::optional<WalPosition> leftovers_above_;  // Until they are deleted. Recover, Flush.
  mutable std::atomic<std::uint64_t> corrupt_records_{0};
  std::atomic<std::uint64_t> disk_bytes_{0};
  mutable Mutex mutex_;
  Records head_ OPS_GUARDED_BY(mutex_);
  std::uint64_t head_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Records> frozen_ OPS_GUARDED_BY(mutex_);
  std::uint64_t frozen_bytes_ OPS_GUARDED_BY(mutex_) = 0;
  WalPosition published_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
