// The note in meta.mdb (table "store", key "cut") of the flush begun last: u64 LE
// cut, i64 LE wall clock in ms. It is for the day on which wal.mdb is lost: without
// it nothing would say which days are complete, and recovery would delete them all.
#pragma once

#include <cstdint>
#include <optional>

#include "aggregator/store/meta_table.h"
#include "aggregator/store/signal_store.h"

namespace opssight {

struct CutNote {
  WalPosition cut = 0;
  std::int64_t wall_ms = 0;
};

Result<MetaTable> OpenCutNotes(std::shared_ptr<GuardedEnv> meta);
Status WriteCutNote(MetaTable& table, const CutNote& note);
Result<CutNote> ReadCutNote(const MetaTable& table);  // Zeros: none.

}  // namespace opssight
