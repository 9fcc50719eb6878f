// MetricsStoreAdmin is MetricsAdmin over a MetricsStore: it flushes first, so that what is
// deleted or copied is all in day files. Any thread, not the flusher's: calls wait for it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "aggregator/query/metrics_admin.h"
#include "aggregator/store/metrics/metrics_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/random.h"

namespace opssight {

struct MetricsAdminOptions {
  std::string snapshots_dir;      // <data>/snapshots; made with the first.
  std::function<Status()> flush;  // Store::FlushNow.
  // What is made of samples elsewhere: deleted before them, copied after them. May be empty.
  std::function<Status(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                       std::int64_t to_ms)>
      delete_derived;
  std::function<Status(const std::string& dir)> snapshot_derived;
  std::uint64_t seed = 0;  // Of the names of snapshots.
};

class MetricsStoreAdmin final : public MetricsAdmin {
 public:
  // store and clock outlive it.
  MetricsStoreAdmin(MetricsStore& store, const Clock& clock, MetricsAdminOptions options)
      : store_(store), clock_(clock), options_(std::move(options)), random_(options_.seed) {}

  Status DeleteSeries(const std::vector<std::vector<Matcher>>& selectors, std::int64_t from_ms,
                      std::int64_t to_ms) override;
  Status CleanTombstones() override { return store_.CleanTombstones(); }
  Result<std::string> Snapshot(bool skip_head) override OPS_EXCLUDES(mutex_);

 private:
  std::string NextName() OPS_EXCLUDES(mutex_);

  MetricsStore& store_;
  const Clock& clock_;
  const MetricsAdminOptions options_;
  Mutex mutex_;
  Random random_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
