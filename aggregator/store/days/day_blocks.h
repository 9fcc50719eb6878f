// DayBlocks is the disk half of a signal that is stored as blocks (logs, spans):
// a day environment <prefix>-YYYYMMDD.mdb for each UTC day with one table
//
//   blocks   key: cut u64, number u32 (both big-endian)   value: a block
//
// and the frozen head on its way there. It keeps the promises of SignalStore's
// Recover, Freeze, Flush, Publish and Retain, so that a signal has only its head to
// write. Environments open when first needed and stay open; the heads of a day's
// blocks are read when a query first asks for the day, and of old days at most
// days_cached stay in memory.
//
// Threads: Freeze, Flush, Publish, Retain as SignalStore says; Take on any thread.
// A snapshot holds each record once: what is published when it is taken is in its
// days, the rest in frozen or in the signal's own head (freeze under the head's lock).
// A block that fails its checksum is left out and counted; it stops nothing, and neither
// does a file whose pages are damaged: of it what can be read is shown.
// A read transaction is renewed after read_ms_max between two blocks, so that a long query
// does not keep a file that is being written from using its free pages again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/store/days/day.h"
#include "aggregator/store/days/day_files.h"
#include "aggregator/store/signal_store.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/lmdb/env.h"

namespace opssight {

template <class Head>
class DayBlocks {
 public:
  struct MemoryBlock {
    std::string bytes;
    Head head;
  };
  using Frozen = std::map<DayNumber, std::vector<std::shared_ptr<const MemoryBlock>>>;
  struct StoredBlock {
    std::string key;
    Head head;
  };
  using Blocks = std::shared_ptr<const std::vector<StoredBlock>>;
  using ReadHead = Result<Head> (*)(std::string_view block);

  struct Options {
    DayFilesOptions files;
    std::size_t days_cached = 4;  // Beside the newest; heads of a day's blocks.
    std::int64_t read_ms_max = 5'000;
    const Clock* clock = &Clock::System();
  };

  DayBlocks(Options options, ReadHead read_head)
      : options_(options), files_(options.files), read_head_(read_head) {}

  Result<WalPosition> NewestCut() const { return files_.NewestCut(); }
  std::vector<SignalLoss> TakeLosses() { return files_.TakeLosses(); }

  Status Recover(WalPosition flushed) OPS_EXCLUDES(mutex_) {
    OPS_RETURN_IF_ERROR(files_.Recover(flushed));
    MutexLock lock(mutex_);
    published_ = flushed;
    return {};
  }

  void Freeze(Frozen frozen) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    frozen_ = std::make_shared<const Frozen>(std::move(frozen));
  }

  Status Flush(WalPosition cut) OPS_EXCLUDES(mutex_) {
    OPS_RETURN_IF_ERROR(files_.DropLeftovers());
    const std::shared_ptr<const Frozen> frozen = TakeFrozen();
    if (frozen == nullptr) return {};
    for (const auto& [day, blocks] : *frozen) {
      const auto& of_day = blocks;
      OPS_RETURN_IF_ERROR(files_.Write(day, cut, of_day.size(), [&of_day](std::size_t i) {
        return std::string_view(of_day[i]->bytes);
      }));
    }
    return {};
  }

  void Publish(WalPosition cut) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    published_ = cut;
    ForgetMoved();
    if (frozen_ == nullptr) return;
    for (const auto& [day, blocks] : *frozen_) {
      const auto cached = cache_.find(day);
      if (cached == cache_.end()) continue;
      auto list = std::make_shared<std::vector<StoredBlock>>(*cached->second.blocks);
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        list->push_back({.key = DayFiles::Key(cut, i), .head = blocks[i]->head});
      }
      cached->second.blocks = std::move(list);
    }
    frozen_ = nullptr;
  }

  Status Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) OPS_EXCLUDES(mutex_) {
    const std::vector<DayNumber> drop = DaysToDrop(files_.BytesOfDays(), keep_from_ms, bytes_max);
    for (const DayNumber day : drop) {
      {
        MutexLock lock(mutex_);
        cache_.erase(day);
      }
      files_.Drop(day);
    }
    return {};
  }

  struct Snapshot {
    std::shared_ptr<const Frozen> frozen;  // May be null.
    WalPosition published = 0;
  };
  Snapshot Take() const OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return {.frozen = frozen_, .published = published_};
  }

  std::vector<DayNumber> Days() const { return files_.Days(); }

  // Calls fn(head, read) for each block of the day that the snapshot holds, where
  // read() gives the block's bytes, valid during the call. In the order in which they
  // were written, or the other way round. Stops at fn's first error.
  template <class Fn>
  Status ForEach(const Snapshot& snapshot, DayNumber day, Fn fn, bool newest_first = false) const
      OPS_EXCLUDES(mutex_) {
    const std::uint64_t moved = files_.bad_days();
    OPS_TRY(const std::shared_ptr<Env> env, files_.Open(day));
    if (env == nullptr) return {};  // Dropped since.
    OPS_TRY(const Blocks blocks, Load(*env, day, snapshot.published, moved));
    std::optional<Reading> reading;
    for (std::size_t i = 0; i < blocks->size(); ++i) {
      const StoredBlock& block = (*blocks)[newest_first ? blocks->size() - 1 - i : i];
      if (DayFiles::CutOf(block.key) > snapshot.published) continue;
      OPS_RETURN_IF_ERROR(Renew(*env, reading));
      if (!reading) return {};
      const auto read = [&]() -> Result<std::string_view> {
        OPS_TRY(const auto bytes, reading->txn.Get(reading->table, block.key));
        if (!bytes) return Corrupt("block is gone");
        return *bytes;
      };
      Status status = fn(block.head, read);
      if (status) continue;
      if (status.error().code != ErrorCode::kCorrupt) return status;
      LeaveOut(*env, status.error());
    }
    return {};
  }

  std::uint64_t corrupt_blocks() const { return corrupt_blocks_.load(std::memory_order_relaxed); }
  std::uint64_t disk_bytes() const { return files_.disk_bytes(); }
  std::uint64_t frozen_bytes() const {
    std::uint64_t bytes = 0;
    const std::shared_ptr<const Frozen> frozen = TakeFrozen();
    if (frozen == nullptr) return 0;
    for (const auto& entry : *frozen) {
      for (const auto& block : entry.second) bytes += block->bytes.size();
    }
    return bytes;
  }

 private:
  struct Cached {
    Blocks blocks;
    std::uint64_t used = 0;
  };

  struct Reading {
    ReadTxn txn;
    Table table;
    std::int64_t until_ms;
  };

  // A transaction that is not old: the one there is, or a new one. None: nothing can be
  // read of this file.
  Status Renew(Env& env, std::optional<Reading>& reading) const {
    const std::int64_t now_ms = options_.clock->SteadyMs();
    if (reading && now_ms < reading->until_ms) return {};
    reading.reset();
    OPS_TRY(ReadTxn txn, env.BeginRead());
    const auto table = txn.OpenTable(DayFiles::kTable);
    if (table) {
      reading.emplace(Reading{std::move(txn), *table, now_ms + options_.read_ms_max});
      return {};
    }
    if (table.error().code == ErrorCode::kNotFound) return {};
    if (table.error().code != ErrorCode::kCorrupt) return table.error();
    LeaveOut(env, table.error());
    return {};
  }

  // Keys of a file that was moved aside mean nothing in the one in its place.
  void ForgetMoved() const OPS_REQUIRES(mutex_) {
    if (moved_ == files_.bad_days()) return;
    moved_ = files_.bad_days();
    cache_.clear();
  }

  std::shared_ptr<const Frozen> TakeFrozen() const OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return frozen_;
  }

  void LeaveOut(const Env& env, const Error& why) const {
    corrupt_blocks_.fetch_add(1, std::memory_order_relaxed);
    OPS_LOG_EVERY(60, kWarn, "store: {}: {}; left out of answers", env.path(), why.message);
  }

  // The heads of the day's blocks up to published, from memory or from disk.
  Result<Blocks> Load(Env& env, DayNumber day, WalPosition published, std::uint64_t moved) const
      OPS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      ForgetMoved();
      const auto cached = cache_.find(day);
      if (cached != cache_.end()) {
        cached->second.used = ++uses_;
        return cached->second.blocks;
      }
    }
    auto blocks = std::make_shared<std::vector<StoredBlock>>();
    if (const Status walked = Walk(env, published, *blocks); !walked) {
      if (walked.error().code != ErrorCode::kCorrupt) return walked.error();
      LeaveOut(env, walked.error());
    }
    Keep(day, blocks, published, moved);
    return Blocks(std::move(blocks));
  }

  Status Walk(Env& env, WalPosition published, std::vector<StoredBlock>& blocks) const {
    OPS_TRY(ReadTxn txn, env.BeginRead());
    const auto table = txn.OpenTable(DayFiles::kTable);
    if (!table) return table.error().code == ErrorCode::kNotFound ? Status() : table.error();
    OPS_TRY(Cursor cursor, txn.OpenCursor(*table));
    OPS_TRY(auto at, cursor.First());
    while (at && DayFiles::CutOf(at->first) <= published) {
      auto head = read_head_(at->second);
      if (head) {
        blocks.push_back({.key = std::string(at->first), .head = *std::move(head)});
      } else {
        LeaveOut(env, head.error());
      }
      OPS_TRY(at, cursor.Next());
    }
    return {};
  }

  // moved: files moved aside when the day was opened.
  void Keep(DayNumber day, Blocks blocks, WalPosition published, std::uint64_t moved) const
      OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (published != published_) return;  // A flush was published since: it is not whole.
    if (moved != files_.bad_days()) return;
    cache_[day] = {.blocks = std::move(blocks), .used = ++uses_};
    if (cache_.size() <= options_.days_cached + 1) return;
    auto oldest = cache_.begin();
    for (auto it = cache_.begin(); it != std::prev(cache_.end()); ++it) {
      if (it->second.used < oldest->second.used) oldest = it;
    }
    cache_.erase(oldest);
  }

  const Options options_;
  mutable DayFiles files_;
  const ReadHead read_head_;
  mutable std::atomic<std::uint64_t> corrupt_blocks_{0};
  mutable Mutex mutex_;
  std::shared_ptr<const Frozen> frozen_ OPS_GUARDED_BY(mutex_);
  WalPosition published_ OPS_GUARDED_BY(mutex_) = 0;
  mutable std::map<DayNumber, Cached> cache_ OPS_GUARDED_BY(mutex_);
  mutable std::uint64_t moved_ OPS_GUARDED_BY(mutex_) = 0;  // files_.bad_days() of cache_.
  mutable std::uint64_t uses_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
