// MetadataBook keeps what expositions said last of each metric family, in memory and in
// the table `metric-metadata` of meta.mdb: key name, value type u8, help, unit. What came
// since the last Flush is in the wal still, as all that is not flushed. Any thread.
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

class MetadataBook final : public MetadataSource {
 public:
  explicit MetadataBook(std::size_t families_max) : families_max_(families_max) {}

  // meta may be null: then all is in memory only. Once, before the rest.
  Status Load(const std::shared_ptr<GuardedEnv>& meta);
  void Add(const std::vector<MetricMetadata>& metadata) OPS_EXCLUDES(mutex_);
  // Writes what changed, in one transaction. Flusher.
  Status Flush() OPS_EXCLUDES(mutex_);

  Result<std::vector<MetricMetadata>> Metadata(std::string_view metric, std::size_t names_max,
                                               const QueryLimits& limits) const override
      OPS_EXCLUDES(mutex_);
  std::size_t size() const OPS_EXCLUDES(mutex_);
  // Of families beyond families_max, or with a name too long for a key.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::size_t families_max_;
  std::optional<MetaTable> table_;
  std::atomic<std::uint64_t> dropped_{0};
  mutable Mutex mutex_;
  std::map<std::string, MetricMetadata, std::less<>> families_ OPS_GUARDED_BY(mutex_);
  std::set<std::string> changed_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
