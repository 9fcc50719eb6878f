#include "aggregator/store/gaps/gaps_store.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <tuple>
#include <utility>

#include "aggregator/store/gaps/gap_record.h"
#include "common/base/log.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr const char* kTable = "gaps";
constexpr std::size_t kSeenAtOnce = 5'000;  // Records looked at in one transaction.

std::string KeyOf(WalPosition cut, std::uint32_t number) {
  std::string key;
  PutBe(key, cut);
  PutBe(key, number);
  return key;
}

std::size_t BytesOf(const Gap& gap) {
  return sizeof(Gap) + gap.stream.size() + gap.reason.size();
}

bool Overlaps(const Gap& gap, std::int64_t from_ns, std::int64_t to_ns) {
  return gap.from_ns <= to_ns && gap.to_ns >= from_ns;
}

WalPosition CutOf(std::string_view key) {
  return GetBe<WalPosition>(key).value_or(0);
}

// Deletes what a crash left of a flush that the wal does not know. Bytes that stay.
Status DropAbove(WriteTxn& txn, WalPosition flushed, std::uint64_t& bytes) {
  bytes = 0;
  OPS_TRY(const Table table, txn.OpenTable(kTable));
  OPS_TRY(Cursor cursor, txn.OpenCursor(table));
  OPS_TRY(auto at, cursor.First());
  while (at) {
    if (CutOf(at->first) > flushed) {
      OPS_RETURN_IF_ERROR(cursor.Delete());
    } else {
      bytes += at->second.size();
    }
    OPS_TRY(at, cursor.Next());
  }
  return {};
}

// The `limit` of those added that start last, in the memory of so many.
class NewestGaps {
 public:
  explicit NewestGaps(std::size_t limit) : limit_(limit) {}

  void Add(Gap gap) {
    if (heap_.size() == limit_) {
      truncated_ = true;
      if (limit_ == 0 || !Later(gap, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      heap_.back() = std::move(gap);
    } else {
      heap_.push_back(std::move(gap));
    }
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  GapAnswer Finish() {
    std::sort(heap_.begin(), heap_.end(), [](const Gap& a, const Gap& b) { return Later(b, a); });
    return {.gaps = std::move(heap_), .truncated = truncated_};
  }

 private:
  // A whole order, so that an answer does not change while records go from head to disk.
  static bool Later(const Gap& a, const Gap& b) {
    return std::tie(a.from_ns, a.to_ns, a.stream, a.reason) >
           std::tie(b.from_ns, b.to_ns, b.stream, b.reason);
  }
  const std::size_t limit_;
  std::vector<Gap> heap_;  // The earliest in front.
  bool truncated_ = false;
};

}  // namespace

Status GapsStore::OpenEnv() {
  if (env_ != nullptr) return {};
  std::error_code error;
  std::filesystem::create_directories(options_.dir, error);
  if (error) return IoError("gaps: create " + options_.dir, error.value());
  std::string set_aside;
  OPS_TRY(env_, OpenOrSetAside(options_.dir + "/gaps.mdb",
                               {.map_bytes = options_.map_bytes, .tables_max = 4}, {kTable},
                               options_.clock->WallMs(), &set_aside,
                               [](ReadTxn& txn) { return WalkTable(txn, kTable); }));
  if (!set_aside.empty()) Lost(set_aside);
  return {};
}

void GapsStore::Lost(const std::string& aside) {
  const std::int64_t now_ms = options_.clock->WallMs();
  losses_.push_back({.from_ms = now_ms,
                     .to_ms = now_ms,
                     .reason = "gaps.mdb damaged, kept as " + aside +
                               ": what it told of earlier losses is missing"});
}

Result<WalPosition> GapsStore::NewestCut() {
  OPS_RETURN_IF_ERROR(OpenEnv());
  WalPosition newest = 0;
  OPS_RETURN_IF_ERROR(env_->Read([&newest](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(const auto last, cursor.Last());
    if (last) newest = CutOf(last->first);
    return {};
  }));
  return newest;
}

Status GapsStore::Recover(WalPosition flushed) {
  OPS_RETURN_IF_ERROR(OpenEnv());
  leftovers_above_ = flushed;
  {
    MutexLock lock(mutex_);
    published_ = flushed;
  }
  const Status dropped = DropLeftovers();
  if (dropped ||
      (dropped.error().code != ErrorCode::kIo && dropped.error().code != ErrorCode::kExhausted)) {
    return dropped;
  }
  OPS_LOG(kError,
          "gaps: half a flush cannot be deleted: {}; left out, tried again before the "
          "next flush",
          dropped.error().message);
  return {};
}

// What a crash left of a flush that the wal does not know: before anything above that cut
// is published.
Status GapsStore::DropLeftovers() {
  if (!leftovers_above_) return {};
  std::uint64_t bytes = 0;
  OPS_RETURN_IF_ERROR(
      env_->Write([&](WriteTxn& txn) { return DropAbove(txn, *leftovers_above_, bytes); }));
  disk_bytes_ = bytes;
  leftovers_above_.reset();
  return {};
}

void GapsStore::Apply(const BatchOrigin&, std::shared_ptr<const DecodedBatch> batch) {
  MutexLock lock(mutex_);
  for (const Gap& gap : batch->gaps()) {
    head_.push_back(gap);
    head_bytes_ += BytesOf(gap);
  }
}

void GapsStore::Freeze(WalPosition) {
  MutexLock lock(mutex_);
  frozen_ = std::make_shared<const Records>(std::exchange(head_, {}));
  frozen_bytes_ = std::exchange(head_bytes_, 0);
}

Status GapsStore::Flush(WalPosition cut) {
  Status flushed = FlushAll(cut);
  if (flushed || flushed.error().code != ErrorCode::kCorrupt) return flushed;
  std::string aside;
  OPS_RETURN_IF_ERROR(env_->SetAside(options_.clock->WallMs(), &aside));
  Lost(aside);
  leftovers_above_.reset();
  disk_bytes_ = 0;
  return Unavailable(flushed.error().message + "; kept as " + aside + ", going on with a new file");
}

Status GapsStore::FlushAll(WalPosition cut) {
  OPS_RETURN_IF_ERROR(DropLeftovers());
  std::shared_ptr<const Records> frozen;
  {
    MutexLock lock(mutex_);
    frozen = frozen_;
  }
  if (frozen == nullptr) return {};
  for (std::size_t next = 0; next < frozen->size();) {
    OPS_RETURN_IF_ERROR(FlushFrom(next, *frozen, cut));
  }
  return {};
}

// One transaction. The same keys for the same cut, so that a flush may be repeated.
Status GapsStore::FlushFrom(std::size_t& next, const Records& records, WalPosition cut) {
  std::size_t at = next;
  std::size_t bytes = 0;
  OPS_RETURN_IF_ERROR(env_->Write([&](WriteTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    for (; at < records.size() && bytes < options_.transaction_bytes_max; ++at) {
      const std::string value = EncodeGap(records[at]);
      const std::string key = KeyOf(cut, static_cast<std::uint32_t>(at));
      OPS_TRY(const auto before, txn.Get(table, key));
      if (!before) bytes += value.size();
      if (Status put = txn.Put(table, key, value); !put) return put;
    }
    return {};
  }));
  disk_bytes_ += bytes;
  next = at;
  return {};
}

void GapsStore::Publish(WalPosition cut) {
  MutexLock lock(mutex_);
  frozen_ = nullptr;
  frozen_bytes_ = 0;
  published_ = cut;
}

std::uint64_t GapsStore::head_bytes() const {
  MutexLock lock(mutex_);
  return head_bytes_ + frozen_bytes_;
}

Result<GapAnswer> GapsStore::Gaps(std::int64_t from_ns, std::int64_t to_ns,
                                  std::size_t limit) const {
  NewestGaps newest(limit);
  const auto take = [&](Gap gap) {
    if (Overlaps(gap, from_ns, to_ns)) newest.Add(std::move(gap));
  };
  WalPosition published = 0;
  {
    // Head, frozen and what counts of the disk, of one moment.
    MutexLock lock(mutex_);
    if (frozen_ != nullptr) std::for_each(frozen_->begin(), frozen_->end(), take);
    std::for_each(head_.begin(), head_.end(), take);
    published = published_;
  }
  std::string after;
  for (bool more = env_ != nullptr; more;) {
    OPS_RETURN_IF_ERROR(ReadPiece(published, after, more, take));
  }
  return newest.Finish();
}

// One transaction over the records behind key `after`.
Status GapsStore::ReadPiece(WalPosition published, std::string& after, bool& more,
                            const std::function<void(Gap)>& see) const {
  more = false;
  return env_->Read([&](ReadTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.Seek(after.empty() ? after : after + '\0'));
    for (std::size_t seen = 0; at && CutOf(at->first) <= published; ++seen) {
      if (seen == kSeenAtOnce) {
        more = true;
        break;
      }
      after = std::string(at->first);
      if (auto gap = DecodeGap(at->second)) {
        see(*std::move(gap));
      } else {
        ++corrupt_records_;
        OPS_LOG_EVERY(60, kWarn, "gaps: {}: {}; left out", env_->path(), gap.error().message);
      }
      OPS_TRY(at, cursor.Next());
    }
    return {};
  });
}

Status GapsStore::Retain(std::int64_t keep_from_ms, std::uint64_t bytes_max) {
  const std::int64_t keep_from_ns =
      std::max(keep_from_ms, std::numeric_limits<std::int64_t>::min() / kNsPerMs) * kNsPerMs;
  std::string after;
  for (bool more = true; more;) {
    OPS_RETURN_IF_ERROR(DeletePiece(keep_from_ns, bytes_max, after, more));
  }
  return {};
}

// One transaction over the records behind key `after`.
Status GapsStore::DeletePiece(std::int64_t keep_from_ns, std::uint64_t bytes_max,
                              std::string& after, bool& more) {
  const std::uint64_t total = disk_bytes_;
  std::uint64_t gone = 0;
  std::string last = after;
  more = false;
  OPS_RETURN_IF_ERROR(env_->Write([&](WriteTxn& txn) -> Status {
    OPS_TRY(const Table table, txn.OpenTable(kTable));
    OPS_TRY(Cursor cursor, txn.OpenCursor(table));
    OPS_TRY(auto at, cursor.Seek(after.empty() ? after : after + '\0'));
    for (std::size_t seen = 0; at; ++seen) {
      if (seen == kSeenAtOnce) {
        more = true;
        break;
      }
      last = std::string(at->first);
      const auto gap = DecodeGap(at->second);
      if (!gap || gap->to_ns < keep_from_ns || (bytes_max != 0 && total - gone > bytes_max)) {
        gone += at->second.size();
        if (Status deleted = cursor.Delete(); !deleted) return deleted;
      }
      OPS_TRY(at, cursor.Next());
    }
    return {};
  }));
  disk_bytes_ -= gone;
  after = last;
  return {};
}

}  // namespace opssight
