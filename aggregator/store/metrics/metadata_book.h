// MetadataBook keeps what expositions said last of each metric family, in memory and in
// the table `metric-metadata` of meta.mdb: key name, value type u8, help, unit. What came
// since the last Flush is in the wal still, as all that is not flushed. Families are not
// forgotten; those above a limit are dropped and counted. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aggregator/query/exemplars.h"
#include "aggregator/store/meta_table.h"
#include "common/base/mutex.h"

namespace opssight {

// Names, helps and units; far from what meta.mdb, which others need too, may take.
struct MetadataLimits {
  std::size_t families_max = 100'000;
  std::size_t bytes_max = 64UL << 20;
};

class MetadataBook final : public MetadataSource {
 public:
  explicit MetadataBook(MetadataLimits limits) : limits_(limits) {}

  // meta may be null: then all is in memory only. Once, before the rest.
  Status Load(const std::shared_ptr<GuardedEnv>& meta);
  void Add(const std::vector<MetricMetadata>& metadata) OPS_EXCLUDES(mutex_);
  // Writes what changed, in transactions of 1 MiB. What fails is counted and logged, and
  // tried again with the next call; it is said again too: no reason to stop a flush. Flusher.
  void Flush() OPS_EXCLUDES(mutex_);

  Result<std::vector<MetricMetadata>> Metadata(std::string_view metric, std::size_t names_max,
                                               const QueryLimits& limits) const override
      OPS_EXCLUDES(mutex_);
  std::size_t size() const OPS_EXCLUDES(mutex_);
  // Of families beyond a limit, or with a name too long for a key.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  std::uint64_t write_errors() const { return write_errors_.load(std::memory_order_relaxed); }

 private:
  using Values = std::map<std::string, std::string>;
  bool Keep(MetricMetadata metadata) OPS_REQUIRES(mutex_);
  Values TakeChanged() OPS_EXCLUDES(mutex_);

  const MetadataLimits limits_;
  std::optional<MetaTable> table_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> write_errors_{0};
  mutable Mutex mutex_;
  std::map<std::string, MetricMetadata, std::less<>> families_ OPS_GUARDED_BY(mutex_);
  std::size_t bytes_ OPS_GUARDED_BY(mutex_) = 0;
  std::set<std::string> changed_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
