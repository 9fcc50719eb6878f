// RolledSource is what queries ask of metrics: samples as MetricsStore has them, and rollups
// beside. Slots are put together from rolled-up days and, where a day has none that are as new
// as its samples (today, what came late, what is not flushed yet), from its samples.
//
// Days whose samples retention took answer Select by the first and the last sample of each
// bucket that is kept: real samples, but thinner; told to QueryLimits::thinned where that
// leaves any out, and counted in thinned_selects().
//
// Any thread. Both stores outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/rollup.h"
#include "aggregator/query/source.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "aggregator/store/rollup/rollup_store.h"

namespace opssight {

class RolledSource final : public SeriesSource, public RollupSource {
 public:
  RolledSource(const MetricsStore& samples, RollupStore& rollups)
      : samples_(samples), rollups_(rollups) {}

  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override;
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers,
                                           std::int64_t from_ms, std::int64_t to_ms,
                                           const QueryLimits& limits) const override;
  Result<std::unique_ptr<SeriesPortions>> SelectPortions(const std::vector<Matcher>& matchers,
                                                         std::int64_t from_ms, std::int64_t to_ms,
                                                         const QueryLimits& limits,
                                                         SeriesLabels labels) const override;
  Result<std::set<std::string>> SelectStrings(std::string_view name,
                                              const std::vector<Matcher>& matchers,
                                              std::int64_t from_ms, std::int64_t to_ms,
                                              const QueryLimits& limits) const override;
  const RollupSource* rollups() const override { return this; }

  std::vector<std::int64_t> Resolutions() const override;
  Result<std::optional<std::vector<RolledSeries>>> SelectSlots(
      const std::vector<Matcher>& matchers, const SlotQuery& query,
      const QueryLimits& limits) const override;

  // Selectors answered out of rollups; not, as no day of their time is rolled up; not, as only
  // samples can tell (native histograms, damage).
  std::uint64_t rolled_selects() const { return rolled_.load(std::memory_order_relaxed); }
  std::uint64_t unrolled_selects() const { return unrolled_.load(std::memory_order_relaxed); }
  std::uint64_t refused_selects() const { return refused_.load(std::memory_order_relaxed); }
  std::uint64_t thinned_selects() const { return thinned_.load(std::memory_order_relaxed); }

 private:
  struct Gone;  // Days without samples, by the resolution that says most of them.
  Result<Gone> FindGone(std::int64_t from_ms, std::int64_t to_ms) const;
  Result<std::vector<Series>> Thinned(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                      std::int64_t to_ms, const Gone& gone,
                                      const QueryLimits& limits) const;

  const MetricsStore& samples_;
  RollupStore& rollups_;
  mutable std::atomic<std::uint64_t> rolled_{0};
  mutable std::atomic<std::uint64_t> unrolled_{0};
  mutable std::atomic<std::uint64_t> refused_{0};
  mutable std::atomic<std::uint64_t> thinned_{0};
};

}  // namespace opssight
