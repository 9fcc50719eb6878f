// Reading, and queueing what is to change; spool_write.cc has the packer's side.
#include "agent/spool/spool.h"

#include <utility>

#include "common/base/check.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kFrameHeadBytes = 64;  // What a batch costs beside its frame.

// What a tombstone whose gaps moved to a later one is sent as.
const std::string& EmptyFrame() {
  static const std::string frame = EncodeBatch({}, 0);
  return frame;
}

}  // namespace

void SpoolCounters::Add(const SpoolCounters& other) {
  appended += other.appended;
  appended_bytes += other.appended_bytes;
  removed += other.removed;
  for (std::size_t i = 0; i < dropped.size(); ++i) dropped[i] += other.dropped[i];
  tombstones += other.tombstones;
  damaged += other.damaged;
  layouts_evicted += other.layouts_evicted;
  commits += other.commits;
  commit_failures += other.commit_failures;
  reopens += other.reopens;
  unreadable += other.unreadable;
  rebases += other.rebases;
}

std::uint64_t Spool::epoch() const {
  MutexLock lock(mutex_);
  return state_.epoch;
}

std::string Spool::agent_id() const {
  MutexLock lock(mutex_);
  return state_.agent_id;
}

bool Spool::wants_epoch() const {
  MutexLock lock(mutex_);
  return state_.wants_epoch;
}

std::uint64_t Spool::next_seq() const {
  MutexLock lock(mutex_);
  return state_.numbering.next_seq();
}

std::vector<SeqRange> Spool::Ranges() const {
  MutexLock lock(mutex_);
  RangeSet seqs;
  for (const SeqRange& keys : state_.live.ranges()) {
    const std::uint64_t first = state_.numbering.SeqOf(keys.first);
    seqs.Add({first, first + (keys.last - keys.first)});
  }
  return seqs.ranges();
}

SpoolView::Totals Spool::totals() const {
  MutexLock lock(mutex_);
  return {.batches = state_.live.Count(), .bytes = state_.batch_bytes + state_.tomb_bytes};
}

SpoolStats Spool::stats() const {
  MutexLock lock(mutex_);
  return {.counters = counters_,
          .batches = state_.live.Count(),
          .bytes = state_.bytes(),
          .bytes_max = options_.bytes_max,
          .file_bytes = env_ == nullptr ? 0 : env_->used_bytes(),
          .epoch = state_.epoch};
}

Result<ReadTxn> Spool::BeginRead() const {
  if (env_ == nullptr) return Unavailable(options_.path + ": not open after an error of the disk");
  return env_->BeginRead();
}

Result<SpooledBatch> Spool::ReadOne(const ReadTxn& txn, std::uint64_t key) const {
  SpooledBatch out{.seq = state_.numbering.SeqOf(key), .frame = {}, .layouts = {}};
  OPS_TRY(const std::optional<std::string_view> value, txn.Get(tables_.batches, SpoolKey(key)));
  if (!value) {
    if (!state_.tombs.Contains(key)) {
      return Corrupt(options_.path + ": batch " + std::to_string(out.seq) + " is not there");
    }
    out.frame = EmptyFrame();
    out.hash = Hash64(out.frame);
    out.tombstone = true;
    return out;
  }
  OPS_TRY(SpoolRecord record, DecodeRecord(*value));
  if (!FrameIsWhole(record)) {
    return Corrupt(options_.path + ": batch " + std::to_string(out.seq) + " fails its checksum");
  }
  out.hash = record.hash;
  out.frame = record.frame;
  out.layouts = std::move(record.layouts);
  out.tombstone = record.tombstone;
  return out;
}

Result<std::vector<SpooledBatch>> Spool::ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                                  std::uint64_t* damaged) const {
  MutexLock lock(mutex_);
  std::vector<SpooledBatch> out;
  const std::vector<SeqRange> keys = state_.numbering.KeysOf({seq, ~std::uint64_t{0}});
  if (keys.empty()) return out;
  OPS_TRY(const ReadTxn txn, BeginRead());
  std::size_t bytes = 0;
  for (auto key = state_.live.FirstFrom(keys.front().first); key && bytes < bytes_max;
       key = state_.live.FirstFrom(*key + 1)) {
    if (frozen_.Contains(*key)) {
      if (!out.empty()) break;
      return Unavailable(options_.path + ": batch " + std::to_string(state_.numbering.SeqOf(*key)) +
                         " is being dropped");
    }
    Result<SpooledBatch> batch = ReadOne(txn, *key);
    if (!batch && batch.error().code == ErrorCode::kCorrupt) {
      if (!out.empty()) break;
      *damaged = state_.numbering.SeqOf(*key);
    }
    if (!batch) return std::move(batch).error();
    const std::size_t size = kFrameHeadBytes + batch->frame.size();
    if (!out.empty() && bytes + size > bytes_max) break;
    bytes += size;
    handed_.Add(*key);
    out.push_back(*std::move(batch));
  }
  return out;
}

Result<std::string> Spool::ReadLayout(const LayoutId& id) const {
  MutexLock lock(mutex_);
  OPS_TRY(const ReadTxn txn, BeginRead());
  OPS_TRY(const std::optional<std::string_view> value, txn.Get(tables_.layouts, LayoutKey(id)));
  if (!value) return NotFound(options_.path + ": layout " + ToHex(id) + " is not there");
  const Result<std::string_view> frame = FrameOfLayoutValue(*value);
  if (!frame) return NotFound(options_.path + ": layout " + ToHex(id) + " is damaged");
  return std::string(*frame);
}

std::optional<bool> Spool::HadHash(std::uint64_t seq, std::uint64_t hash) const {
  MutexLock lock(mutex_);
  const std::optional<std::uint64_t> key = state_.numbering.KeyOf(seq);
  if (!key || !state_.live.Contains(*key)) return std::nullopt;
  const Result<ReadTxn> txn = BeginRead();
  if (!txn) return std::nullopt;
  const auto value = txn->Get(tables_.batches, SpoolKey(*key));
  if (!value || !*value) return std::nullopt;
  const Result<SpoolRecord> record = DecodeRecord(**value);
  if (!record) return std::nullopt;
  if (record->hash == hash) return true;
  if (!record->tombstone) return false;
  if (record->original_hash == 0) return std::nullopt;
  return record->original_hash == hash;
}

Result<std::vector<Position>> Spool::ReadPositions(std::string_view prefix) const {
  MutexLock lock(mutex_);
  OPS_TRY(const ReadTxn txn, BeginRead());
  OPS_TRY(Cursor cursor, txn.OpenCursor(tables_.positions));
  std::vector<Position> out;
  OPS_TRY(std::optional<KeyValue> at, cursor.Seek(prefix));
  while (at && at->first.starts_with(prefix)) {
    out.push_back({.key = std::string(at->first), .value = std::string(at->second)});
    OPS_TRY(at, cursor.Next());
  }
  return out;
}

void Spool::Remove(std::vector<SeqRange> acked) {
  {
    MutexLock lock(mutex_);
    for (const SeqRange& seqs : acked) {
      for (const SeqRange& keys : state_.numbering.KeysOf(seqs)) {
        for (const SeqRange& live : state_.live.Within(keys)) queued_.removed.Add(live);
      }
    }
  }
  if (wake_) wake_();
}

void Spool::Replace(std::uint64_t seq, std::string reason, Done done) {
  {
    MutexLock lock(mutex_);
    // A number that is not there is told so by the same way: never inside this call.
    const std::uint64_t key = state_.numbering.KeyOf(seq).value_or(0);
    queued_.replaced.push_back({.key = key,
                                .was_tombstone = state_.tombs.Contains(key),
                                .reason = std::move(reason),
                                .done = std::move(done)});
  }
  if (wake_) wake_();
}

void Spool::Rebase(RebaseOrder order, Done done) {
  {
    MutexLock lock(mutex_);
    queued_.rebases.push_back({.order = std::move(order), .done = std::move(done)});
  }
  if (wake_) wake_();
}

bool Spool::HasUrgent() const {
  MutexLock lock(mutex_);
  return !queued_.replaced.empty() || !queued_.rebases.empty();
}

bool Spool::HasQueued() const {
  MutexLock lock(mutex_);
  return !queued_.empty();
}

}  // namespace opssight
