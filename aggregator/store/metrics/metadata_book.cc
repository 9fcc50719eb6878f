#include "aggregator/store/metrics/metadata_book.h"

#include <utility>

#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

std::string ValueOf(const MetricMetadata& metadata) {
  std::string out;
  PutLe(out, static_cast<std::uint8_t>(metadata.type));
  PutString(out, metadata.help);
  PutString(out, metadata.unit);
  return out;
}

std::optional<MetricMetadata> Parse(const std::string& name, std::string_view value) {
  const auto type = GetLe<std::uint8_t>(value);
  const auto help = GetString(value);
  const auto unit = GetString(value);
  if (!type || !help || !unit || *type > static_cast<std::uint8_t>(MetricType::kInfo)) {
    return std::nullopt;
  }
  return MetricMetadata{.name = name,
                        .type = static_cast<MetricType>(*type),
                        .help = std::string(*help),
                        .unit = std::string(*unit)};
}

}  // namespace

Status MetadataBook::Load(const std::shared_ptr<GuardedEnv>& meta) {
  if (meta == nullptr) return {};
  OPS_TRY(MetaTable table, MetaTable::Open(meta, "metric-metadata"));
  OPS_TRY(const auto entries, table.List());
  table_.emplace(std::move(table));
  MutexLock lock(mutex_);
  for (const auto& [name, value] : entries) {
    if (auto metadata = Parse(name, value)) {
      families_[name] = *std::move(metadata);
    } else {
      OPS_LOG(kWarn, "metrics: the metadata of {} in meta.mdb is damaged; left out", name);
    }
  }
  return {};
}

void MetadataBook::Add(const std::vector<MetricMetadata>& metadata) {
  MutexLock lock(mutex_);
  for (const MetricMetadata& one : metadata) {
    const auto it = families_.find(one.name);
    if (it != families_.end() && it->second == one) continue;
    const bool full = it == families_.end() && families_.size() >= families_max_;
    if (full || one.name.size() > MetaTable::kKeyBytesMax) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    families_[one.name] = one;
    changed_.insert(one.name);
  }
}

Status MetadataBook::Flush() {
  std::map<std::string, std::string> values;
  {
    MutexLock lock(mutex_);
    if (!table_) changed_.clear();
    for (const std::string& name : changed_) values[name] = ValueOf(families_[name]);
    changed_.clear();
  }
  if (values.empty()) return {};
  Status written = table_->Update([&](MetaTable::Edit& edit) -> Status {
    for (const auto& [name, value] : values) OPS_RETURN_IF_ERROR(edit.Put(name, value));
    return {};
  });
  if (written) return written;
  MutexLock lock(mutex_);  // Again with the next try.
  for (const auto& entry : values) changed_.insert(entry.first);
  return std::move(written).error().At("metrics: metadata");
}

Result<std::vector<MetricMetadata>> MetadataBook::Metadata(std::string_view metric,
                                                           std::size_t names_max,
                                                           const QueryLimits&) const {
  std::vector<MetricMetadata> out;
  MutexLock lock(mutex_);
  if (!metric.empty()) {
    if (const auto it = families_.find(metric); it != families_.end()) out.push_back(it->second);
    return out;
  }
  for (const auto& [name, metadata] : families_) {
    if (names_max != 0 && out.size() >= names_max) break;
    out.push_back(metadata);
  }
  return out;
}

std::size_t MetadataBook::size() const {
  MutexLock lock(mutex_);
  return families_.size();
}

}  // namespace opssight
