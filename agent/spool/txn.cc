#include "agent/spool/txn.h"

#include <algorithm>
#include <map>
#include <memory>

#include "common/base/log.h"
#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr std::string_view kFull = "spool full";
constexpr std::string_view kForgotten =
    "batches that were acknowledged are no longer at the aggregator";
constexpr std::string_view kRestored = "state restored from a copy: may not have been stored";

}  // namespace

// ---- rows

Result<std::uint64_t> SpoolTxn::Put(const SpoolRecord& record) {
  const std::uint64_t key = state_.numbering.Take();
  const std::string value = EncodeRecord(record);
  OPS_RETURN_IF_ERROR(txn_.Append(tables_.batches, SpoolKey(key), value));
  state_.live.Add(key);
  state_.batch_bytes += value.size();
  ++counters_.appended;
  counters_.appended_bytes += value.size();
  return key;
}

Result<std::uint64_t> SpoolTxn::Append(const SpoolWrite& write) {
  std::uint64_t key = 0;
  if (!write.frame.empty()) {
    SpoolRecord record{.summary = write.summary, .layouts = {}, .frame = write.frame};
    for (const auto& layout : write.layouts) record.layouts.push_back(layout->id());
    OPS_TRY(key, Put(record));
    for (const auto& layout : write.layouts) OPS_RETURN_IF_ERROR(UseLayout(*layout, key));
  }
  for (const Position& position : write.positions) {
    if (position.value) {
      OPS_RETURN_IF_ERROR(txn_.Put(tables_.positions, position.key, *position.value));
    } else {
      OPS_TRY(const bool was_there, txn_.Delete(tables_.positions, position.key));
      (void)was_there;
    }
  }
  return key;
}

Status SpoolTxn::AppendGaps(const std::vector<Gap>& gaps) {
  const std::string frame = EncodeBatch({.gaps = gaps}, now_ms_);
  OPS_TRY(const std::uint64_t key, Put({.layouts = {}, .frame = frame}));
  (void)key;
  return {};
}

Status SpoolTxn::RemoveRange(SeqRange keys) {
  OPS_TRY(Cursor cursor, txn_.OpenCursor(tables_.batches));
  OPS_TRY(std::optional<KeyValue> at, cursor.Seek(SpoolKey(keys.first)));
  while (at) {
    const auto key = LoadBe<std::uint64_t>(at->first.data());
    if (key > keys.last) break;
    (state_.tombs.Contains(key) ? state_.tomb_bytes : state_.batch_bytes) -= at->second.size();
    OPS_RETURN_IF_ERROR(cursor.Delete());
    OPS_TRY(at, cursor.Next());
  }
  state_.live.Remove(keys);
  state_.tombs.Remove(keys);
  counters_.removed += keys.last - keys.first + 1;
  return {};
}

Status SpoolTxn::Remove(const RangeSet& keys) {
  for (const SeqRange& wanted : keys.ranges()) {
    for (const SeqRange& range : state_.live.Within(wanted)) {
      OPS_RETURN_IF_ERROR(RemoveRange(range));
    }
  }
  return {};
}

// ---- tombstones

// Gives the hash of the frame that was there first; 0: not known.
std::uint64_t SpoolTxn::CollectRecord(std::string_view value, bool tombstone,
                                      std::string_view reason, GapCollector& gaps) {
  const Result<SpoolRecord> record = DecodeRecord(value);
  const std::uint64_t original =
      !record ? 0 : (record->tombstone ? record->original_hash : record->hash);
  if (record) {
    for (std::size_t i = 0; i < counters_.dropped.size(); ++i) {
      counters_.dropped[i] += record->summary.counts[i];
    }
    if (FrameIsWhole(*record)) {
      if (const auto batch = DecodedBatch::Decode(record->frame, {}); batch) {
        gaps.AddBatch(**batch, reason, [this](const LayoutId& id) { return LayoutName(id); });
        return original;
      }
    }
  }
  ++counters_.damaged;
  const std::string why = "damaged in the spool (" + std::string(reason) + ")";
  if (record && !tombstone) {
    gaps.AddSummary(record->summary, why);
  } else {  // Nothing says what was in it.
    gaps.Add({.signal = Signal::kLogs,
              .stream = "",
              .from_ns = now_ms_ * kNsPerMs,
              .to_ns = now_ms_ * kNsPerMs,
              .count = 0,
              .reason = why});
  }
  return original;
}

// Takes the batch away and leaves a tombstone without gaps.
Result<std::uint64_t> SpoolTxn::Collect(std::uint64_t key, std::string_view reason,
                                        GapCollector& gaps) {
  const std::string row = SpoolKey(key);
  OPS_TRY(const std::optional<std::string_view> value, txn_.Get(tables_.batches, row));
  const bool was_tomb = state_.tombs.Contains(key);
  state_.tombs.Add(key);
  if (!value) return std::uint64_t{0};
  const std::uint64_t original = CollectRecord(*value, was_tomb, reason, gaps);
  (was_tomb ? state_.tomb_bytes : state_.batch_bytes) -= value->size();
  OPS_TRY(const bool was_there, txn_.Delete(tables_.batches, row));
  (void)was_there;
  return original;
}

Status SpoolTxn::PutTombstone(std::uint64_t key, const GapCollector& gaps,
                              std::uint64_t original_hash) {
  const std::string frame = EncodeBatch({.gaps = gaps.gaps()}, now_ms_);
  const std::string value = EncodeRecord(
      {.tombstone = true, .original_hash = original_hash, .layouts = {}, .frame = frame});
  OPS_RETURN_IF_ERROR(txn_.Put(tables_.batches, SpoolKey(key), value));
  state_.tomb_bytes += value.size();
  return {};
}

Status SpoolTxn::Replace(const SpoolQueue::Replacing& replacing) {
  const std::uint64_t key = replacing.key;
  if (!state_.live.Contains(key)) return {};
  // Not the one that was meant: it was dropped, or this was done, in the meantime.
  if (state_.tombs.Contains(key) != replacing.was_tombstone) return {};
  GapCollector gaps(options_.gap_streams_max);
  OPS_TRY(const std::uint64_t original, Collect(key, replacing.reason, gaps));
  if (replacing.was_tombstone) {
    OPS_LOG(kError, "spool: {}: gap records of number {} given up: {}", options_.path,
            state_.numbering.SeqOf(key), replacing.reason);
    gaps.Clear();
  } else {
    ++counters_.tombstones;
  }
  return PutTombstone(key, gaps, original);
}

Status SpoolTxn::MakeRoom(std::uint64_t bytes, std::uint64_t bytes_max) {
  GapCollector gaps(options_.gap_streams_max);
  std::uint64_t last = 0;
  std::uint64_t last_hash = 0;
  bool last_unsent = false;
  while (state_.bytes() + bytes > bytes_max) {
    const std::optional<std::uint64_t> key = state_.live.FirstNotIn(state_.tombs);
    if (!key) break;
    const bool crowded = state_.tomb_bytes > bytes_max / options_.tombstone_divisor;
    // Never into one that was sent: where the original is stored, its tombstone is not.
    const bool unsent = freeze_(*key);
    if (last == 0 && carry_key_ != 0 && unsent && state_.live.Contains(carry_key_) &&
        (freeze_(carry_key_) || crowded)) {
      OPS_TRY(const std::uint64_t moved, Collect(carry_key_, kFull, gaps));
      (void)moved;
    } else if (last != 0 && !(unsent && (last_unsent || crowded))) {
      OPS_RETURN_IF_ERROR(PutTombstone(last, gaps, last_hash));
      gaps.Clear();
    }
    last = *key;
    last_unsent = unsent;
    ++counters_.tombstones;
    OPS_TRY(last_hash, Collect(last, kFull, gaps));
  }
  if (last == 0) return {};
  carry_key_ = last;
  return PutTombstone(last, gaps, last_hash);
}

std::string SpoolTxn::LayoutName(const LayoutId& id) {
  const auto [it, is_new] = layout_names_.try_emplace(id);
  if (!is_new) return it->second;
  const auto value = txn_.Get(tables_.layouts, LayoutKey(id));
  if (!value || !*value) return it->second;
  const auto frame = FrameOfLayoutValue(**value);
  if (!frame) return it->second;
  if (const auto layout = DecodeLayout(*frame, {}); layout) it->second = GapStream(**layout);
  return it->second;
}

// ---- epochs

// Batches never change, so one equal hash proves all before it in the run.
Result<bool> SpoolTxn::Proven(const StoredRun& run) const {
  const std::optional<std::uint64_t> key = state_.numbering.KeyOf(run.last);
  if (!key || !state_.live.Contains(*key)) return false;
  OPS_TRY(const std::optional<std::string_view> value, txn_.Get(tables_.batches, SpoolKey(*key)));
  if (!value) return false;
  const Result<SpoolRecord> record = DecodeRecord(*value);
  if (!record) return false;
  const bool was = record->tombstone && record->original_hash != 0;  // 0: not known.
  return record->hash == run.last_hash || (was && record->original_hash == run.last_hash);
}

Status SpoolTxn::RebaseRange(SeqRange keys, bool stored, GapCollector& gaps) {
  if (keys.first > keys.last) return {};
  for (const SeqRange& range : state_.live.Within(keys)) {
    for (std::uint64_t key = range.first; !stored && key <= range.last; ++key) {
      OPS_TRY(const std::uint64_t original, Collect(key, kRestored, gaps));
      (void)original;
    }
    OPS_RETURN_IF_ERROR(RemoveRange(range));
  }
  return {};
}

Status SpoolTxn::RebaseRun(const RebaseOrder& order, const StoredRun& run, GapCollector& gaps) {
  bool proven = false;
  if (!order.used_since) {
    OPS_TRY(proven, Proven(run));
  }
  const std::uint64_t proven_through = proven ? run.last : std::min(order.proven_through, run.last);
  for (const SeqRange& keys : state_.numbering.KeysOf({run.first, proven_through})) {
    OPS_RETURN_IF_ERROR(RebaseRange(keys, true, gaps));
  }
  const std::uint64_t unsure_from = std::max(run.first, proven_through + 1);
  if (order.sure_from <= unsure_from) return {};
  for (const SeqRange& keys :
       state_.numbering.KeysOf({unsure_from, std::min(run.last, order.sure_from - 1)})) {
    // A copy may have been copied again: with used_since the fork tells nothing.
    if (state_.fork_key == 0 || order.used_since) {
      OPS_RETURN_IF_ERROR(RebaseRange(keys, false, gaps));
    } else {  // Before the fork they are the original's own bytes; from it on, new.
      OPS_RETURN_IF_ERROR(
          RebaseRange({keys.first, std::min(keys.last, state_.fork_key - 1)}, true, gaps));
    }
  }
  return {};
}

Status SpoolTxn::Rebase(const RebaseOrder& order) {
  if (state_.epoch == order.new_epoch && state_.agent_id == order.agent_id && !state_.wants_epoch) {
    return {};
  }
  GapCollector gaps(options_.gap_streams_max);
  for (const StoredRun& run : order.stored) {
    if (run.first <= run.last) OPS_RETURN_IF_ERROR(RebaseRun(order, run, gaps));
  }
  if (order.lost != 0) {
    gaps.Add({.signal = Signal::kLogs,
              .stream = "",
              .from_ns = now_ms_ * kNsPerMs,
              .to_ns = now_ms_ * kNsPerMs,
              .count = order.lost,
              .reason = std::string(kForgotten)});
  }
  state_.numbering.Renumber(state_.live);
  state_.epoch = order.new_epoch;
  state_.agent_id = order.agent_id;
  state_.wants_epoch = false;
  state_.fork_key = 0;
  ++counters_.rebases;
  if (gaps.empty()) return {};
  return AppendGaps(gaps.gaps());
}

// ---- layouts

Status SpoolTxn::UseLayout(const Layout& layout, std::uint64_t key) {
  used_layouts_ = true;
  const std::string row = LayoutKey(layout.id());
  OPS_TRY(const std::optional<std::string_view> stored, txn_.Get(tables_.layouts, row));
  if (!stored || !FrameOfLayoutValue(*stored)) {
    if (stored) state_.layout_bytes -= stored->size();
    const std::string value = LayoutValue(EncodeLayout(layout));
    OPS_RETURN_IF_ERROR(txn_.Put(tables_.layouts, row, value));
    state_.layout_bytes += value.size();
  }
  std::string use;
  PutLe(use, key);
  return txn_.Put(tables_.uses, row, use);
}

Status SpoolTxn::EvictLayouts() {
  OPS_TRY(std::uint64_t count, txn_.Count(tables_.layouts));
  if (count <= options_.layouts_max && state_.layout_bytes <= options_.layout_bytes_max) return {};
  const std::uint64_t needed_from =
      state_.live.FirstNotIn(state_.tombs).value_or(state_.numbering.next_key() - 1);
  std::vector<std::pair<std::uint64_t, std::string>> unused;  // Last use, row.
  OPS_TRY(Cursor cursor, txn_.OpenCursor(tables_.uses));
  OPS_TRY(std::optional<KeyValue> at, cursor.First());
  while (at) {
    std::string_view value = at->second;
    const std::uint64_t used = GetLe<std::uint64_t>(value).value_or(0);
    if (used < needed_from) unused.emplace_back(used, at->first);
    OPS_TRY(at, cursor.Next());
  }
  std::sort(unused.begin(), unused.end());
  // A tenth more than needed, so that this is not done each time.
  const std::size_t count_goal = options_.layouts_max - options_.layouts_max / 10;
  const std::uint64_t bytes_goal = options_.layout_bytes_max - options_.layout_bytes_max / 10;
  for (const auto& [used, row] : unused) {
    if (count <= count_goal && state_.layout_bytes <= bytes_goal) break;
    OPS_TRY(const std::optional<std::string_view> value, txn_.Get(tables_.layouts, row));
    if (value) state_.layout_bytes -= value->size();
    OPS_TRY(const bool had_layout, txn_.Delete(tables_.layouts, row));
    OPS_TRY(const bool had_use, txn_.Delete(tables_.uses, row));
    (void)had_use;
    if (!had_layout) continue;
    --count;
    ++counters_.layouts_evicted;
  }
  return {};
}

Status SpoolTxn::Commit(bool touch) {
  if (used_layouts_) OPS_RETURN_IF_ERROR(EvictLayouts());
  const std::string encoded = state_.Encode();
  if (touch || encoded != encoded_before_) {
    OPS_RETURN_IF_ERROR(txn_.Put(tables_.state, kStateRow, encoded));
  }
  return txn_.Commit();
}

}  // namespace opssight
