#include "aggregator/store/metrics/metadata_book.h"

#include <utility>

#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr std::size_t kTransactionBytes = 1UL << 20;

std::size_t BytesOf(const MetricMetadata& metadata) {
  return metadata.name.size() + metadata.help.size() + metadata.unit.size();
}

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
    auto metadata = Parse(name, value);
    if (!metadata) {
      OPS_LOG(kWarn, "metrics: the metadata of {} in meta.mdb is damaged; left out", name);
    } else if (!Keep(*std::move(metadata))) {
      OPS_LOG_EVERY(60, kWarn, "metrics: the metadata of {} is above the limit; left out", name);
    }
  }
  return {};
}

void MetadataBook::Add(const std::vector<MetricMetadata>& metadata) {
  MutexLock lock(mutex_);
  for (const MetricMetadata& one : metadata) {
    const auto it = families_.find(one.name);
    if (it != families_.end() && it->second == one) continue;
    if (Keep(one)) {
      changed_.insert(one.name);
    } else {
      OPS_LOG_EVERY(60, kWarn, "metrics: the metadata of {} is above the limit; dropped", one.name);
    }
  }
}

// In place of what there is of its name. False: over a limit, and what there is stays.
bool MetadataBook::Keep(MetricMetadata metadata) {
  const auto it = families_.find(metadata.name);
  const std::size_t before = it == families_.end() ? 0 : BytesOf(it->second);
  const std::size_t bytes = bytes_ - before + BytesOf(metadata);
  const bool full = it == families_.end() && families_.size() >= limits_.families_max;
  if (full || bytes > limits_.bytes_max || metadata.name.size() > MetaTable::kKeyBytesMax) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  bytes_ = bytes;
  std::string name = metadata.name;
  families_.insert_or_assign(std::move(name), std::move(metadata));
  return true;
}

MetadataBook::Values MetadataBook::TakeChanged() {
  Values values;
  MutexLock lock(mutex_);
  for (std::size_t bytes = 0; !changed_.empty() && bytes < kTransactionBytes;) {
    const auto name = changed_.extract(changed_.begin());
    const std::string& value = values[name.value()] = ValueOf(families_[name.value()]);
    bytes += name.value().size() + value.size();
  }
  return values;
}

void MetadataBook::Flush() {
  if (!table_) {
    MutexLock lock(mutex_);
    return changed_.clear();
  }
  for (Values values = TakeChanged(); !values.empty(); values = TakeChanged()) {
    const Status written = table_->Update([&](MetaTable::Edit& edit) -> Status {
      for (const auto& [name, value] : values) OPS_RETURN_IF_ERROR(edit.Put(name, value));
      return {};
    });
    if (written) continue;
    write_errors_.fetch_add(1, std::memory_order_relaxed);
    OPS_LOG_EVERY(60, kError, "metrics: metadata: {}; kept in memory, next try with the next flush",
                  written.error().message);
    MutexLock lock(mutex_);
    for (const auto& entry : values) changed_.insert(entry.first);
    return;
  }
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
