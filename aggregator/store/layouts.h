// Layouts are the series sets that metric rows refer to: on disk in wal.mdb, in
// memory as far as they are used.
//
// A layout is written in the transaction of the first batch that uses it, and
// again with the first batch of each later UTC day, so that its row says when it
// was last used. One that no entry of the wal can need is dropped (CommitDays): days name
// their series themselves, and who uses it again brings it again. Value: u32 LE last day,
// u64 LE XXH3-64 of the frame, frame.
//
// Find is for any thread: a hash look-up, or for a layout that is not in the cache a read
// and a decode; it is kept there from the second time on. Ids cost about 130 B each in
// memory. The rest says who may call it.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "aggregator/store/signal_store.h"
#include "aggregator/store/store_options.h"
#include "aggregator/store/wal.h"
#include "common/base/mutex.h"

namespace opssight {

class Layouts final : public LayoutLookup {
 public:
  using Day = std::uint32_t;  // Since 1970-01-01.

  Layouts(Wal& wal, std::size_t cache_bytes, const BatchLimits& limits, StoreStats& stats)
      : wal_(wal), cache_bytes_max_(cache_bytes), limits_(limits), stats_(stats) {}

  // What the wal knows; before the rest. Replaces what was known.
  Status Load() OPS_EXCLUDES(mutex_);

  std::shared_ptr<const Layout> Find(const LayoutId& id) const override OPS_EXCLUDES(mutex_);

  // Whether it is known, and was used on that day or later.
  bool UsedSince(const LayoutId& id, Day day) const OPS_EXCLUDES(mutex_);
  // Whether a batch that uses it today must bring it along.
  bool NeedsWrite(const LayoutId& id, Day today) const OPS_EXCLUDES(mutex_);
  static std::string ValueOf(const LayoutFrame& layout, Day today);
  // After the commit of ValueOf.
  void Written(const LayoutId& id, Day today) OPS_EXCLUDES(mutex_);

  // Those last used before day.
  std::vector<LayoutId> UnusedBefore(Day day) const OPS_EXCLUDES(mutex_);
  // Deletes those of ids last used before day. The committer's thread, so that no batch
  // comes to use them meanwhile.
  Status Trim(std::span<const LayoutId> ids, Day day) OPS_EXCLUDES(mutex_);

 private:
  struct Cached {
    std::shared_ptr<const Layout> layout;  // Null: not in recent_ (yet, or any more).
    std::weak_ptr<const Layout> used;      // While somebody else holds it.
    std::list<LayoutId>::iterator at;
    std::size_t bytes = 0;
  };
  void Remember(const std::shared_ptr<const Layout>& layout) const OPS_REQUIRES(mutex_);
  void ForgetUnused() const OPS_REQUIRES(mutex_);
  void Touch(Cached& cached) const OPS_REQUIRES(mutex_);
  std::shared_ptr<const Layout> Read(const LayoutId& id) const OPS_EXCLUDES(mutex_);

  Wal& wal_;
  const std::size_t cache_bytes_max_;
  const BatchLimits limits_;
  StoreStats& stats_;
  mutable Mutex mutex_;
  // A layout that Find saw damaged leaves known_, so that the next batch rewrites it.
  mutable std::unordered_map<LayoutId, Day> known_ OPS_GUARDED_BY(mutex_);
  mutable std::unordered_map<LayoutId, Cached> cache_ OPS_GUARDED_BY(mutex_);
  mutable std::list<LayoutId> recent_ OPS_GUARDED_BY(mutex_);  // Front: used last.
  mutable std::size_t cache_bytes_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
