// StoredDay reads a day's blocks portion by portion (day_plan.h), as they are at one
// moment: what is written to the day later, or put in its file's place, does not show.
// One thread. Each block is one short read transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "aggregator/store/metrics/day_job.h"
#include "aggregator/store/metrics/day_plan.h"
#include "aggregator/store/metrics/metric_days.h"

namespace opssight {

class StoredDay final : public DayReader {
 public:
  struct From {
    DayNumber number = 0;
    std::shared_ptr<MetricDay> day;
    std::shared_ptr<Env> env;
    WalPosition cut = 0;  // Later blocks are left out.
    WalPosition first_cut = 0;
  };
  // What tombstones hide is left out, and so are the series `without` (ascending).
  StoredDay(From from, const TombstoneList& tombstones, std::vector<SeriesId> without);

  DayNumber day() const override { return from_.number; }
  WalPosition cut() const override { return from_.cut; }
  WalPosition first_cut() const override { return from_.first_cut; }
  const SeriesIndex& index() const override { return from_.day->index(); }
  Status ForEach(const OnSeries& fn, const std::function<bool()>& cancelled) override;

  // Blocks that could not be read, so far.
  std::uint64_t damaged() const { return damaged_.size(); }
  // Series of which the last ForEach gave something; series of the index that have a name.
  std::size_t given_series() const { return given_; }
  std::size_t named_series() const { return series_; }

 private:
  Result<DayPlan> MakePlan(const std::function<bool()>& cancelled);
  Status PlanBlock(std::uint32_t number, DayPlan& plan) const;
  Status ReadParts(const DayPortion& portion, const OnSeries& fn,
                   const std::function<bool()>& cancelled);
  Status ReadPortion(const DayPortion& portion, std::int64_t from_ms, std::int64_t to_ms,
                     const std::function<bool()>& cancelled, std::vector<DaySeries>& out);
  void Hide(Gather& out) const;
  Status Damaged(std::uint32_t block, const Status& status);

  const From from_;
  const std::shared_ptr<const MetricDay::Blocks> blocks_;
  std::vector<std::pair<std::shared_ptr<const Tombstone>, std::vector<SeriesId>>> hidden_;
  const std::size_t series_;
  const std::vector<SeriesId> ids_;  // Those that are read.
  std::size_t given_ = 0;            // By the last ForEach.
  std::set<std::uint32_t> damaged_;
};

}  // namespace opssight
