// Replay hands wal entries over to the signals again: all above the last handed
// over. For the start after a crash, and after a failed commit, of which some
// entries may be on disk all the same.
//
// A damaged entry is counted, logged, and becomes gap records in its place ("wal
// entry … damaged", count 0 = not known), one a signal; it stops nothing. Blocks
// while more than the budget is under way. The caller's thread.
#pragma once

#include "aggregator/store/apply_workers.h"
#include "aggregator/store/byte_budget.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"

namespace opssight {

// announce: log the progress of a long replay.
Status Replay(const StoreOptions& options, Wal& wal, ApplyWorkers& workers, ByteBudget& budget,
              StoreStats& stats, bool announce);

// A batch of the aggregator's own that says for each signal that records may be lost.
std::string EncodeLossNotice(const std::string& stream, std::int64_t from_ms, std::int64_t to_ms,
                             const std::string& reason);

// What a batch takes in memory while it is under way.
std::size_t BytesUnderWay(std::string_view frame, const DecodedBatch& batch);

}  // namespace opssight
