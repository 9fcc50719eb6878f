// SpoolTxn is the work of one write transaction: it changes tables and a copy of
// the state together, so that a transaction that fails leaves both as they were.
// Internal to agent/spool, on the packer's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/spool/gaps.h"
#include "agent/spool/spool.h"
#include "agent/spool/state.h"
#include "agent/spool/tables.h"

namespace opssight {

class SpoolTxn {
 public:
  // True where a batch was never given to a sender, and from now on will not be until
  // the transaction is over. Only between such batches may gaps move: one that was sent
  // may be stored already, and then its gaps are not true and its tombstone not taken.
  using Freeze = std::function<bool(std::uint64_t key)>;

  SpoolTxn(WriteTxn txn, const SpoolTables& tables, const SpoolOptions& options, SpoolState state,
           std::int64_t now_ms, Freeze freeze)
      : txn_(std::move(txn)),
        tables_(tables),
        options_(options),
        state_(std::move(state)),
        encoded_before_(state_.Encode()),
        now_ms_(now_ms),
        freeze_(std::move(freeze)) {}

  Status Remove(const RangeSet& keys);
  Status Replace(const SpoolQueue::Replacing& replacing);
  Status Rebase(const RebaseOrder& order);
  // Oldest batches become gaps until bytes more fit below bytes_max.
  Status MakeRoom(std::uint64_t bytes, std::uint64_t bytes_max);
  // The key it got; 0 without a frame.
  Result<std::uint64_t> Append(const SpoolWrite& write);
  Status AppendGaps(const std::vector<Gap>& gaps);
  // With touch, even where nothing changed: pages that one transaction freed can be
  // used from the next but one on.
  Status Commit(bool touch);

  const SpoolState& state() const { return state_; }
  const SpoolCounters& counters() const { return counters_; }  // Of this transaction.
  // The newest tombstone whose gaps a later one may take over; 0: none.
  std::uint64_t carry_key() const { return carry_key_; }
  void set_carry_key(std::uint64_t key) { carry_key_ = key; }

 private:
  Result<std::uint64_t> Put(const SpoolRecord& record);
  Status PutTombstone(std::uint64_t key, const GapCollector& gaps, std::uint64_t original_hash);
  Result<std::uint64_t> Collect(std::uint64_t key, std::string_view reason, GapCollector& gaps);
  std::uint64_t CollectRecord(std::string_view value, bool tombstone, std::string_view reason,
                              GapCollector& gaps);
  Status RemoveRange(SeqRange keys);
  Status RebaseRun(const RebaseOrder& order, const StoredRun& run, GapCollector& gaps);
  Status RebaseRange(SeqRange keys, bool stored, GapCollector& gaps);
  Result<bool> Proven(const StoredRun& run) const;
  Status UseLayout(const Layout& layout, std::uint64_t key);
  Status EvictLayouts();
  std::string LayoutName(const LayoutId& id);

  WriteTxn txn_;
  const SpoolTables& tables_;
  const SpoolOptions& options_;
  SpoolState state_;
  const std::string encoded_before_;
  const std::int64_t now_ms_;
  const Freeze freeze_;
  std::uint64_t carry_key_ = 0;
  bool used_layouts_ = false;
  SpoolCounters counters_;
  std::map<LayoutId, std::string> layout_names_;  // Of this transaction.
};

}  // namespace opssight
