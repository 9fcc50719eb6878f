#include "aggregator/store/rollup/rollup_edit.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "aggregator/store/rollup/rollup_block.h"
#include "aggregator/store/rollup/rollup_list.h"

namespace opssight {
namespace {

bool HasPart(const DayBucket& one, DayNumber day, const RollupEdit& edit) {
  const TimeBucket& bucket = one.bucket;
  const std::int64_t end_ms = EndOfBucket(day, edit.resolution_ms, one.number);
  const bool only_stale = bucket.count == 0;
  const std::int64_t first_ms = only_stale ? end_ms - edit.resolution_ms + 1 : bucket.first_ms;
  // A stale marker stands anywhere behind the last value.
  const std::int64_t last_ms = bucket.stale ? end_ms : bucket.last_ms;
  return last_ms >= edit.from_ms && first_ms <= edit.to_ms;
}

class Editor {
 public:
  Editor(Env& env, const RollupEdit& edit) : env_(env), edit_(edit) {}

  // Edits blocks from `next` on, until there are so many bytes to write. False: that was all.
  Result<bool> Some(std::size_t bytes_max) {
    std::vector<Changed> changed;
    bool more = false;
    {
      OPS_TRY(ReadTxn txn, env_.BeginRead());
      OPS_TRY(more, Look(txn, bytes_max, changed));
    }
    if (changed.empty()) return more;
    OPS_TRY(WriteTxn txn, env_.BeginWrite());
    OPS_TRY(const Table blocks, txn.OpenTable(RollupFiles::kBlocks));
    OPS_TRY(const Table days, txn.OpenTable(RollupFiles::kDays));
    for (const Changed& one : changed) {
      OPS_RETURN_IF_ERROR(txn.Put(blocks, one.key.ToBytes(), one.value));
      OPS_RETURN_IF_ERROR(Mark(txn, days, one.key));
    }
    OPS_RETURN_IF_ERROR(txn.Commit());
    any_ = true;
    return more;
  }
  bool any() const { return any_; }  // Whether something was edited.

 private:
  using Places = std::vector<SeriesId>;
  struct Changed {
    BlockKey key;
    std::string value;
  };

  // A generation that does not count yet says it with its own record.
  Status Mark(WriteTxn& txn, Table days, const BlockKey& key) {
    if (!marked_.insert(key.day).second) return {};
    OPS_TRY(const auto bytes, txn.Get(days, DayKeyOf(key.day)));
    if (!bytes) return {};
    auto record = DecodeRollupDay(*bytes);
    if (!record || record->generation != key.generation || record->edited) return {};
    record->edited = true;
    return txn.Put(days, DayKeyOf(key.day), EncodeRollupDay(*record));
  }

  Result<bool> Look(ReadTxn& txn, std::size_t bytes_max, std::vector<Changed>& changed) {
    OPS_TRY(const Table lists, txn.OpenTable(RollupFiles::kLists));
    std::size_t bytes = 0;
    return WalkBlocks(txn, next_, [&](const BlockKey& key, std::string_view value) -> Result<bool> {
      OPS_TRY(auto edited, Edited(txn, lists, key, value));
      if (edited) {
        bytes += edited->size();
        changed.push_back({.key = key, .value = *std::move(edited)});
      }
      return bytes >= bytes_max;
    });
  }

  // Nothing: it stays as it is.
  Result<std::optional<std::string>> Edited(ReadTxn& txn, Table lists, const BlockKey& key,
                                            std::string_view bytes) {
    const auto generation = edit_.generations.find(key.day);
    if (generation == edit_.generations.end() || generation->second != key.generation) {
      return std::optional<std::string>();
    }
    auto block = RollupBlock::Open(bytes, key.day, edit_.resolution_ms);
    if (!block) return std::optional<std::string>();
    OPS_TRY(const Places* places, Find(txn, lists, block->list()));
    RollupBlockWriter writer(block->list());
    std::deque<EncodedBuckets> encoded;
    bool changed = false;
    for (std::size_t i = 0; i < block->size(); ++i) {
      DayBuckets buckets;
      if (!std::binary_search(places->begin(), places->end(), i) ||
          !IsHit(*block, i, key.day, buckets)) {
        writer.Add(block->shape(i), block->values(i));
        continue;
      }
      changed = true;
      encoded.push_back(EncodeBuckets(key.day, edit_.resolution_ms, buckets));
      writer.Add(encoded.back().shape, encoded.back().values);
    }
    if (!changed) return std::optional<std::string>();
    return std::optional<std::string>(writer.Finish());
  }

  // Whether something of series i goes; left: what stays.
  bool IsHit(const RollupBlock& block, std::size_t i, DayNumber day, DayBuckets& left) const {
    if (block.NeedsSamples(i)) {
      return edit_.from_ms <= day * kMsPerDay && edit_.to_ms >= (day + 1) * kMsPerDay - 1;
    }
    if (!DecodeBuckets(day, edit_.resolution_ms, block.shape(i), block.values(i), left)) {
      return false;
    }
    const auto hit = [&](const DayBucket& one) { return HasPart(one, day, edit_); };
    return std::erase_if(left, hit) != 0;
  }

  Result<const Places*> Find(ReadTxn& txn, Table lists, const Hash128& list) {
    const auto [known, is_new] = places_.try_emplace(list);
    if (!is_new) return &known->second;
    OPS_TRY(const auto bytes, txn.Get(lists, ListKeyOf(list)));
    SeriesIndex index;
    if (bytes && ReadRollupList(*bytes, index)) known->second = index.Match(edit_.matchers);
    return &known->second;
  }

  Env& env_;
  const RollupEdit& edit_;
  std::string next_ = std::string(1, '\0');
  std::unordered_map<Hash128, Places> places_;
  std::set<DayNumber> marked_;
  bool any_ = false;
};

}  // namespace

Result<bool> DropBuckets(Env& env, const RollupEdit& edit, std::size_t transaction_bytes_max) {
  Editor editor(env, edit);
  for (bool more = true; more;) {
    OPS_TRY(more, editor.Some(transaction_bytes_max));
  }
  return editor.any();
}

}  // namespace opssight
