#include "aggregator/store/metrics/metrics_admin.h"

#include <filesystem>
#include <system_error>

#include <fmt/core.h>

#include "common/text/time.h"

namespace opssight {

Status MetricsStoreAdmin::DeleteSeries(const std::vector<std::vector<Matcher>>& selectors,
                                       std::int64_t from_ms, std::int64_t to_ms) {
  if (from_ms > to_ms) return Invalid("delete series: the end is before the start");
  if (Status status = options_.flush(); !status) {
    return std::move(status).error().At("delete series: nothing is deleted: flush");
  }
  for (const std::vector<Matcher>& matchers : selectors) {
    if (options_.delete_derived) {
      OPS_RETURN_IF_ERROR(options_.delete_derived(matchers, from_ms, to_ms));
    }
    OPS_RETURN_IF_ERROR(store_.AddTombstone(matchers, from_ms, to_ms));
  }
  return {};
}

// As Prometheus: 20260131T120000Z-0123456789abcdef.
std::string MetricsStoreAdmin::NextName() {
  std::string name;
  for (const char c : FormatRfc3339Ns(clock_.WallMs() / 1000 * kNsPerSecond)) {
    if (c != '-' && c != ':') name.push_back(c);
  }
  MutexLock lock(mutex_);
  return name + fmt::format("-{:016x}", random_.Next());
}

Result<std::string> MetricsStoreAdmin::Snapshot(bool skip_head) {
  if (!skip_head) {
    if (Status status = options_.flush(); !status) {
      return std::move(status).error().At("snapshot: none is made: flush");
    }
  }
  const std::string name = NextName();
  const std::string path = options_.snapshots_dir + "/" + name;
  const std::string making = path + ".tmp";
  std::error_code error;
  std::filesystem::create_directories(making, error);
  if (error) return IoError("snapshot: create " + making, error.value());
  Status made = store_.SnapshotInto(making, clock_.WallMs());
  if (made && options_.snapshot_derived) made = options_.snapshot_derived(making);
  if (made) {
    std::filesystem::rename(making, path, error);
    if (error) made = IoError("snapshot: rename " + making, error.value());
  }
  if (made) return name;
  std::filesystem::remove_all(making, error);
  return std::move(made).error().At("snapshot: none is made");
}

}  // namespace opssight
