#include "aggregator/store/rollup/rollup_store.h"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "aggregator/store/rollup/rollup_edit.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::int64_t kRecentMs = 3'600'000;  // Longer than a day is read for.

bool Overlaps(DayNumber day, std::int64_t from_ms, std::int64_t to_ms) {
  return from_ms < (day + 1) * kMsPerDay && to_ms >= day * kMsPerDay;
}

}  // namespace

RollupStore::RollupStore(RollupOptions options)
    : options_(std::move(options)), files_(options_.dir, options_.map_bytes) {}

Status RollupStore::Run(DayReader& day, const std::function<bool()>& cancelled) {
  if (!options_.enabled) return {};
  OPS_TRY(const bool came_back, CameBack(day));
  if (came_back) {
    kept_.fetch_add(1, std::memory_order_relaxed);
    OPS_LOG(kWarn,
            "rollup: day {}: samples came when those of its rollups were gone; these stay as "
            "they were",
            day.day());
    return {};
  }
  OPS_TRY(DayWriter writer,
          DayWriter::Begin(files_, day.day(),
                           {.buffer_bytes = options_.buffer_bytes,
                            .transaction_bytes_max = options_.transaction_bytes_max,
                            .committed = options_.committed}));
  const auto add = [&](std::span<const DaySeries> series) {
    return writer.Add(day.index(), series);
  };
  OPS_RETURN_IF_ERROR(day.ForEach(add, cancelled));
  OPS_RETURN_IF_ERROR(writer.Finish());
  MutexLock write_lock(write_mutex_);
  OPS_RETURN_IF_ERROR(Finish(writer, day));
  Retain((day.day() + 1) * kMsPerDay);
  return {};
}

// Whether the day's file is another than that of which its rollups were made: retention took
// it, or it was moved aside. What came since is no more than what came late.
Result<bool> RollupStore::CameBack(const DayReader& day) const {
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    OPS_TRY(const RollupDays days, ReadRollupDays(files_, resolution_ms, day.day(), day.day()));
    for (const auto& entry : days) {
      if (IsWithoutSamples(entry.second, day.first_cut())) return true;
    }
  }
  return false;
}

// Where there are far fewer samples than there were, though no series is missing, they are
// damaged; what was made of them before is better.
Status RollupStore::Finish(DayWriter& writer, DayReader& day) {
  OPS_RETURN_IF_ERROR(writer.CarryOver());
  if (const std::optional<RollupDay> before = writer.FarMore()) {
    kept_.fetch_add(1, std::memory_order_relaxed);
    OPS_LOG(kWarn, "rollup: day {}: {} samples where there were {}; its rollups stay as they were",
            day.day(), writer.samples(), before->samples);
    return writer.Abandon();
  }
  OPS_TRY(const bool edited, DropDeleted(writer, day.day()));
  OPS_RETURN_IF_ERROR(writer.Commit(day.cut(), edited));
  days_.fetch_add(1, std::memory_order_relaxed);
  samples_.fetch_add(writer.samples(), std::memory_order_relaxed);
  MutexLock lock(mutex_);
  damaged_.erase(day.day());
  return {};
}

Result<bool> RollupStore::DropDeleted(const DayWriter& writer, DayNumber day) {
  const std::vector<Deleted> deleted = RecentlyDeleted(day);
  bool any = false;
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    OPS_TRY(const std::shared_ptr<Env> env, files_.Find(resolution_ms, MonthOfDay(day)));
    if (env == nullptr) return Unavailable("rollup: the month was dropped meanwhile");
    for (const Deleted& one : deleted) {
      OPS_TRY(const bool some,
              DropBuckets(*env,
                          {.resolution_ms = resolution_ms,
                           .generations = {{day, writer.generation(resolution_ms)}},
                           .matchers = one.matchers,
                           .from_ms = one.from_ms,
                           .to_ms = one.to_ms},
                          options_.transaction_bytes_max));
      any = any || some;
    }
  }
  return any;
}

std::vector<RollupStore::Deleted> RollupStore::RecentlyDeleted(DayNumber day) const {
  const std::int64_t now_ms = options_.clock->SteadyMs();
  MutexLock lock(mutex_);
  std::vector<Deleted> out;
  for (const Deleted& one : deleted_) {
    if (now_ms - one.steady_ms <= kRecentMs && Overlaps(day, one.from_ms, one.to_ms)) {
      out.push_back(one);
    }
  }
  return out;
}

Status RollupStore::Delete(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                           std::int64_t to_ms) {
  MutexLock write_lock(write_mutex_);
  {
    const std::int64_t now_ms = options_.clock->SteadyMs();
    MutexLock lock(mutex_);
    std::erase_if(deleted_, [&](const Deleted& one) { return now_ms - one.steady_ms > kRecentMs; });
    deleted_.push_back(
        {.matchers = matchers, .from_ms = from_ms, .to_ms = to_ms, .steady_ms = now_ms});
  }
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    for (const MonthNumber month : files_.Months(resolution_ms)) {
      OPS_TRY(const std::shared_ptr<Env> env, files_.Find(resolution_ms, month));
      if (env == nullptr) continue;
      OPS_TRY(RollupDays days,
              ReadRollupDays(files_, resolution_ms, FirstDayOf(month), FirstDayOf(month + 1) - 1));
      std::erase_if(days, [&](const auto& day) { return !Overlaps(day.first, from_ms, to_ms); });
      if (days.empty()) continue;
      RollupEdit edit = {.resolution_ms = resolution_ms,
                         .generations = {},
                         .matchers = matchers,
                         .from_ms = from_ms,
                         .to_ms = to_ms};
      for (const auto& [day, record] : days) edit.generations[day] = record.generation;
      OPS_TRY(const bool some, DropBuckets(*env, edit, options_.transaction_bytes_max));
      (void)some;
    }
  }
  return {};
}

Status RollupStore::SnapshotInto(const std::string& dir) const {
  const std::uint64_t bytes = disk_bytes();
  if (options_.spare_bytes && bytes > options_.spare_bytes()) {
    return Exhausted(fmt::format("rollup: no room on the disk to copy its {} bytes", bytes));
  }
  return files_.SnapshotInto(dir);
}

void RollupStore::Retain(std::int64_t now_ms) {
  for (const auto& [resolution_ms, keep_ms] :
       {std::pair(kFineMs, options_.keep_5m_ms), std::pair(kCoarseMs, options_.keep_1h_ms)}) {
    if (keep_ms == 0) continue;
    for (const MonthNumber month : files_.Months(resolution_ms)) {
      if (FirstDayOf(month + 1) * kMsPerDay > now_ms - keep_ms) continue;
      OPS_LOG(kInfo, "rollup: {} of month {:04}{:02} go, they are older than they are kept",
              resolution_ms == kFineMs ? "five minutes" : "hours", month / 12, month % 12 + 1);
      files_.Drop(resolution_ms, month);
    }
  }
}

void RollupStore::MarkDamaged(const std::set<DayNumber>& days) {
  MutexLock lock(mutex_);
  const std::size_t before = damaged_.size();
  damaged_.insert(days.begin(), days.end());
  damaged_count_.fetch_add(damaged_.size() - before, std::memory_order_relaxed);
}

bool RollupStore::IsDamaged(DayNumber day) const {
  MutexLock lock(mutex_);
  return damaged_.contains(day);
}

}  // namespace opssight
