// Replay hands wal entries over to the signals again: all above the last handed
// over. For the start after a crash, and after a failed commit, of which some
// entries may be on disk all the same.
//
// A damaged entry is counted, logged, and becomes gap records in its place ("wal
// entry … damaged", count 0 = not known), one a signal; it stops nothing. The caller's
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aggregator/store/apply_workers.h"
#include "aggregator/store/byte_budget.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"

namespace opssight {

// kStart says how far a long replay is, and waits while more than the budget is under
// way. kResync, of one group at most, does not wait: what is under way then waits for
// the committer, which is the caller.
enum class ReplayFor : std::uint8_t { kStart, kResync };
Status Replay(const StoreOptions& options, Wal& wal, ApplyWorkers& workers, ByteBudget& budget,
              StoreStats& stats, ReplayFor what);

// A batch of the aggregator's own that says for each of the signals that records may be
// lost.
inline constexpr std::array<Signal, 3> kAllSignals = {Signal::kMetrics, Signal::kLogs,
                                                      Signal::kSpans};
std::string EncodeLossNotice(const std::string& stream, std::int64_t from_ms, std::int64_t to_ms,
                             const std::string& reason,
                             std::span<const Signal> signals = kAllSignals);

// What a batch takes in memory while it is under way.
std::size_t BytesUnderWay(std::string_view frame, const DecodedBatch& batch);

}  // namespace opssight
