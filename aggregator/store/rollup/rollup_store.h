// RollupStore keeps what was made of samples: for each series buckets of five minutes and of
// an hour (day_buckets.h), for longer than samples. A sealed day's are made by the job that
// it is (day_job.h); a day that is sealed again, since samples came late, is made anew and
// takes the old one's place at one moment.
//
//   RollupStore rollups(options);
//   OPS_RETURN_IF_ERROR(rollups.Open());
//   metrics.AddDayJob(rollups);
//   RolledSource source(metrics, rollups);  // What queries ask.
//
// Threads: Run on the sealer's; Delete and the rest on any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aggregator/query/matcher.h"
#include "aggregator/store/metrics/day_job.h"
#include "aggregator/store/rollup/day_writer.h"
#include "aggregator/store/rollup/rollup_files.h"
#include "aggregator/store/rollup/rollup_reader.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace opssight {

struct RollupOptions {
  std::string dir;
  bool enabled = true;  // Whether days are rolled up, and queries may use what there is.
  // How long buckets are kept; whole months go. 0: for ever.
  std::int64_t keep_5m_ms = 400 * kMsPerDay;
  std::int64_t keep_1h_ms = 1827 * kMsPerDay;  // Five years.
  std::size_t buffer_bytes = 64UL << 20;       // Memory while a day is rolled up.
  std::size_t transaction_bytes_max = 4UL << 20;
  std::size_t map_bytes = 64UL << 30;  // Of one month of one resolution.
  // What a snapshot may fill of the disk now. Empty: all of it.
  std::function<std::uint64_t()> spare_bytes;
  const Clock* clock = &Clock::System();
  std::function<void()> committed;  // Tests only: after each transaction of a day's job.
};

class RollupStore final : public DayJob {
 public:
  explicit RollupStore(RollupOptions options);

  Status Open() { return files_.Open(); }

  std::string_view name() const override { return "rollup"; }
  Status Run(DayReader& day, const std::function<bool()>& cancelled) override
      OPS_EXCLUDES(write_mutex_, mutex_);

  // Takes the buckets of matching series that overlap [from_ms, to_ms] out, before samples
  // are hidden (metrics_admin.h). Durable when it returns well. Of days that still have
  // samples these answer from then on.
  Status Delete(const std::vector<Matcher>& matchers, std::int64_t from_ms, std::int64_t to_ms)
      OPS_EXCLUDES(write_mutex_, mutex_);
  // Drops the months that ended longer ago than they are kept.
  void Retain(std::int64_t now_ms);
  // kExhausted: there is no room for it; nothing was written.
  Status SnapshotInto(const std::string& dir) const;

  const RollupFiles& files() const { return files_; }
  // Days of which blocks could not be read, until they are made anew: samples are better.
  void MarkDamaged(const std::set<DayNumber>& days) OPS_EXCLUDES(mutex_);
  bool IsDamaged(DayNumber day) const OPS_EXCLUDES(mutex_);

  std::uint64_t disk_bytes() const { return files_.disk_bytes(); }
  std::uint64_t days() const { return days_.load(std::memory_order_relaxed); }  // Rolled up.
  std::uint64_t samples() const { return samples_.load(std::memory_order_relaxed); }
  std::uint64_t kept_days() const { return kept_.load(std::memory_order_relaxed); }
  std::uint64_t damaged_days() const { return damaged_count_.load(std::memory_order_relaxed); }
  std::uint64_t bad_files() const { return files_.bad_files(); }

 private:
  // What was deleted a while ago: a day that was begun to be read before may still bring it.
  struct Deleted {
    std::vector<Matcher> matchers;
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;
    std::int64_t steady_ms = 0;
  };
  Result<bool> CameBack(const DayReader& day) const;
  Status Finish(DayWriter& writer, DayReader& day) OPS_REQUIRES(write_mutex_);
  // Takes recently deleted buckets out of what is written. Whether there were any.
  Result<bool> DropDeleted(const DayWriter& writer, DayNumber day) OPS_REQUIRES(write_mutex_);
  std::vector<Deleted> RecentlyDeleted(DayNumber day) const OPS_EXCLUDES(mutex_);

  const RollupOptions options_;
  RollupFiles files_;
  std::atomic<std::uint64_t> days_{0};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> kept_{0};
  std::atomic<std::uint64_t> damaged_count_{0};
  Mutex write_mutex_;  // Held while blocks are written or changed, but not while a day is read.
  mutable Mutex mutex_;
  std::set<DayNumber> damaged_ OPS_GUARDED_BY(mutex_);
  std::vector<Deleted> deleted_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
