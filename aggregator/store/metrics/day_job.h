// DayJob is something to be done once on each metrics day that is over, after its blocks
// were merged, such as working out rollups:
//
//   class Rollup final : public DayJob {
//     std::string_view name() const override { return "rollup"; }
//     Status Run(DayReader& day, const std::function<bool()>& cancelled) override;
//   };
//   metrics.AddDayJob(rollup);  // Before Recover; it outlives the store.
//
// The day's record says that it was done when Run returned well, so after a crash, an
// error or a stop Run is called again with the same day: its effect must then be the same
// (write all under the same keys, or beside and rename). A day into which samples came
// late is given again, whole, after seal.again_after_ms; one that retention dropped is not
// taken back. Runs on the sealer's thread, beside flushes and queries; a day at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "aggregator/store/days/day.h"
#include "aggregator/store/metrics/day_series.h"
#include "aggregator/store/metrics/series_index.h"
#include "aggregator/store/signal_store.h"

namespace opssight {

class DayReader {
 public:
  virtual ~DayReader() = default;
  virtual DayNumber day() const = 0;
  // What it shows is all that was written up to this cut.
  virtual WalPosition cut() const = 0;
  // The first cut that wrote into the day's file. What was done on the day up to a cut before
  // it was done on another file: that one went, and samples came late.
  virtual WalPosition first_cut() const = 0;
  // Label sets of the ids. Ids are the day's own.
  virtual const SeriesIndex& index() const = 0;

  // Calls fn with some series at a time, those of one target together, until all were
  // given; stops at its first error. Each series once and whole, unless it has more than
  // kRowsMax samples in the day: then hour by hour or some hours at a time, in order.
  // Holds one portion in memory (about 16 MiB). kUnavailable: cancelled.
  static constexpr std::size_t kRowsMax = 200'000;
  using OnSeries = std::function<Status(std::span<const DaySeries> series)>;
  virtual Status ForEach(const OnSeries& fn, const std::function<bool()>& cancelled) = 0;
};

class DayJob {
 public:
  virtual ~DayJob() = default;
  virtual std::string_view name() const = 0;  // Stored: never change it.
  virtual Status Run(DayReader& day, const std::function<bool()>& cancelled) = 0;
};

}  // namespace opssight
