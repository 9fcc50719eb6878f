// Tombstones say what was deleted and is in the files still: of series that match, in a
// range of times, what flushes up to a cut wrote. What comes later shows, also at these
// times. Kept in memory and in the table `metric-tombstones` of meta.mdb (key number u64
// BE; value from, to, cut, then type, name and value a matcher). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/store/days/day.h"
#include "aggregator/store/meta_table.h"
#include "aggregator/store/signal_store.h"
#include "common/base/mutex.h"

namespace opssight {

struct Tombstone {
  std::uint64_t number = 0;  // Given by Add.
  std::vector<Matcher> matchers;
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  WalPosition cut = 0;
};
using TombstoneList = std::vector<std::shared_ptr<const Tombstone>>;

// Those that may hide something of the day.
TombstoneList OfDay(const TombstoneList& tombstones, DayNumber day);

// The value of its entry, and back; kCorrupt for bytes that are none.
std::string EncodeTombstone(const Tombstone& tombstone);
Result<Tombstone> DecodeTombstone(std::string_view bytes);

class Tombstones {
 public:
  static constexpr std::size_t kMax = 1000;  // Every query looks at all of its days'.

  // meta may be null: then all is in memory only. Once, before the rest.
  Status Load(const std::shared_ptr<GuardedEnv>& meta) OPS_EXCLUDES(mutex_);
  // kExhausted: there are kMax.
  Status Add(Tombstone tombstone) OPS_EXCLUDES(mutex_);
  Status Remove(const TombstoneList& gone) OPS_EXCLUDES(mutex_);
  // Those that are of none of these days, which are all that there are: nothing is left that
  // they hide, and what comes later shows anyhow.
  Status DropAllBut(const std::vector<DayNumber>& days) OPS_EXCLUDES(mutex_);
  std::shared_ptr<const TombstoneList> All() const OPS_EXCLUDES(mutex_);  // Never null.
  std::size_t size() const { return All()->size(); }

 private:
  std::optional<MetaTable> table_;
  mutable Mutex mutex_;  // Held while meta.mdb is written, so that both say the same.
  std::uint64_t next_ OPS_GUARDED_BY(mutex_) = 1;
  std::shared_ptr<const TombstoneList> list_ OPS_GUARDED_BY(mutex_) =
      std::make_shared<const TombstoneList>();
};

}  // namespace opssight
