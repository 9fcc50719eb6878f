// WriteRows turns the samples of remote-write requests into rows of layouts, which is what
// the store is fast with: one time and a double for each series of a scrape.
//
// A sender cuts its stream anywhere and spreads it over shards, so "the series of this
// request" differ each time. What stays are the neighbours: series come in the order of
// their scrape. So samples of one time are cut where the *content* says so, after a series
// whose hash ends in zeros (as rsync-like tools cut files). Pieces inside a request are
// then the same each time, whatever the request's ends, and are layouts. Ends of requests
// give pieces that may never come again; such a piece is cut finer (128, 16, 1 series on
// average) until its parts are known, unless it is seen a third time.
//
// Nothing of labels is kept: a series is its hash (24 B), a layout is its id and the hash of
// its series (64 B). A label is read when a layout is made: once a series, once a UTC day and
// layout (the store wants to see that a layout is in use), and when forgotten.
//
// Any thread; a lock is held for about 20 ns a sample.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "aggregator/inputs/recent_map.h"
#include "aggregator/store/acceptor.h"
#include "common/base/mutex.h"
#include "common/codec/batch/batch.h"
#include "common/codec/remote/write.h"

namespace opssight {

struct WriteRowsOptions {
  std::size_t series_max = 4'000'000;     // Remembered; others are looked at again.
  std::size_t layouts_max = 1'000'000;    // As well.
  std::size_t sightings_max = 256 << 10;  // Pieces seen once or twice.
  // What had no sample for so long, by the samples' own clock, is forgotten, at the latest
  // after twice that: where series come and go, those gone take no memory.
  std::int64_t forget_after_ms = 3'600'000;
};

class WriteRows {
 public:
  explicit WriteRows(WriteRowsOptions options)
      : forget_after_ms_(options.forget_after_ms),
        series_(options.series_max),
        layouts_(options.layouts_max),
        sightings_(options.sightings_max) {}

  struct Plan {
    std::vector<LayoutRows> rows;
    std::vector<std::shared_ptr<const LayoutFrame>> layouts;  // Those the store may not have.
    std::vector<Hash128> pieces;                              // Of layouts, for Stored.
  };
  // One sample of the request: series is a position in request.series.
  struct Entry {
    std::uint32_t series = 0;
    std::int64_t time_ms = 0;
    double value = 0;
  };

  // faults[i]: of request.series[i]; labels are read of those not seen before only.
  void Judge(const WriteRequest& request, const WriteLimits& limits,
             std::vector<LabelFault>& faults, std::vector<bool>& fresh) OPS_EXCLUDES(mutex_);
  // entries: of series without a fault; sorted by time here. today: UTC day since 1970.
  Plan Make(const WriteRequest& request, const WriteLimits& limits, std::vector<Entry>& entries,
            const std::vector<bool>& fresh, std::uint32_t today) OPS_EXCLUDES(mutex_);
  // The layouts of plan.pieces are durable: they need not come along again today.
  void Stored(const std::vector<Hash128>& pieces, std::uint32_t today) OPS_EXCLUDES(mutex_);
  // The store did not know a layout that it was believed to have.
  void ForgetLayouts() OPS_EXCLUDES(mutex_);

  std::size_t series() const OPS_EXCLUDES(mutex_);
  std::size_t layouts() const OPS_EXCLUDES(mutex_);

 private:
  struct Note {
    LayoutId id;
    std::uint32_t stored_day = 0;  // 0: perhaps not.
  };
  // A layout to be made, of entries [begin, end).
  struct Missing {
    std::size_t begin;
    std::size_t end;
    std::size_t row;
    Hash128 key;
  };
  struct Work {
    const WriteRequest& request;
    const std::vector<Entry>& entries;
    const std::vector<bool>& fresh;
    std::vector<Hash128> keys;  // Of entries' series.
    std::uint32_t today;
    Plan& plan;
    std::vector<Missing> missing;
  };
  void Cut(Work& work, std::size_t begin, std::size_t end, int level) OPS_REQUIRES(mutex_);
  void Place(Work& work, std::size_t begin, std::size_t end, int level) OPS_REQUIRES(mutex_);
  bool Deserves(const Work& work, std::size_t begin, std::size_t end, const Hash128& key, int level)
      OPS_REQUIRES(mutex_);
  static std::size_t AddRow(Work& work, std::size_t begin, std::size_t end);

  void ForgetOld(std::int64_t newest_ms) OPS_REQUIRES(mutex_);

  const std::int64_t forget_after_ms_;
  mutable Mutex mutex_;
  std::int64_t turned_ms_ OPS_GUARDED_BY(mutex_) = 0;  // When all three turned last.
  RecentMap<LabelFault> series_ OPS_GUARDED_BY(mutex_);
  RecentMap<Note> layouts_ OPS_GUARDED_BY(mutex_);  // By the hash of their series' keys.
  RecentMap<std::uint8_t> sightings_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
