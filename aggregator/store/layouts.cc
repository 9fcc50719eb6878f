#include "aggregator/store/layouts.h"

#include "common/base/log.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

// What a decoded layout takes, about.
std::size_t BytesOf(const Layout& layout) {
  std::size_t bytes = sizeof(Layout);
  for (const LayoutSeries& series : layout.series()) {
    bytes += sizeof(LayoutSeries);
    for (const Label& label : series.labels) {
      constexpr std::size_t kInline = 15;  // std::string keeps these in itself.
      bytes += sizeof(Label);
      if (label.name.size() > kInline) bytes += label.name.size() + 1;
      if (label.value.size() > kInline) bytes += label.value.size() + 1;
    }
  }
  return bytes;
}

Result<std::shared_ptr<const Layout>> DecodeValue(std::string_view value,
                                                  const BatchLimits& limits) {
  const auto day = GetLe<Layouts::Day>(value);
  const auto hash = GetLe<std::uint64_t>(value);
  if (!day || !hash || Hash64(value) != *hash) return Corrupt("checksum");
  return DecodeLayout(value, limits);
}

}  // namespace

Status Layouts::Load() {
  std::unordered_map<LayoutId, Day> known;
  OPS_RETURN_IF_ERROR(wal_.Layouts([&](const LayoutId& id, std::string_view value) {
    if (const auto day = GetLe<Day>(value)) known.emplace(id, *day);
  }));
  MutexLock lock(mutex_);
  known_ = std::move(known);
  stats_.layouts = known_.size();
  return {};
}

bool Layouts::UsedSince(const LayoutId& id, Day day) const {
  MutexLock lock(mutex_);
  const auto it = known_.find(id);
  return it != known_.end() && it->second >= day;
}

bool Layouts::NeedsWrite(const LayoutId& id, Day today) const {
  MutexLock lock(mutex_);
  const auto it = known_.find(id);
  return it == known_.end() || it->second < today;
}

std::string Layouts::ValueOf(const LayoutFrame& layout, Day today) {
  std::string value;
  PutLe(value, today);
  PutLe(value, Hash64(layout.frame));
  value.append(layout.frame);
  return value;
}

void Layouts::Written(const LayoutId& id, Day today) {
  MutexLock lock(mutex_);
  known_[id] = today;
  stats_.layouts = known_.size();
}

void Layouts::Touch(Cached& cached) const {
  recent_.splice(recent_.begin(), recent_, cached.at);
}

// Heads ask for a layout once and keep what they need of it: what is asked for a second
// time is worth its memory.
void Layouts::Remember(const std::shared_ptr<const Layout>& layout) const {
  const auto [entry, first_time] = cache_.try_emplace(layout->id());
  Cached& cached = entry->second;
  if (cached.layout != nullptr) return Touch(cached);
  cached.used = layout;
  if (first_time) return ForgetUnused();
  recent_.push_front(layout->id());
  cached.layout = layout;
  cached.at = recent_.begin();
  cached.bytes = BytesOf(*layout);
  cache_bytes_ += cached.bytes;
  while (cache_bytes_ > cache_bytes_max_ && recent_.size() > 1) {
    Cached& oldest = cache_.at(recent_.back());
    cache_bytes_ -= oldest.bytes;
    oldest.layout = nullptr;
    recent_.pop_back();
  }
}

// Notes of layouts that are no longer known.
void Layouts::ForgetUnused() const {
  if (cache_.size() <= 2 * known_.size() + 64) return;
  std::erase_if(cache_, [](const auto& entry) {
    return entry.second.layout == nullptr && entry.second.used.expired();
  });
}

std::shared_ptr<const Layout> Layouts::Find(const LayoutId& id) const {
  {
    MutexLock lock(mutex_);
    if (const auto it = cache_.find(id); it != cache_.end()) {
      if (it->second.layout != nullptr) {
        Touch(it->second);
        return it->second.layout;
      }
      if (std::shared_ptr<const Layout> used = it->second.used.lock()) return used;
    }
    if (!known_.contains(id)) return nullptr;
  }
  std::shared_ptr<const Layout> layout = Read(id);
  MutexLock lock(mutex_);
  if (layout != nullptr) Remember(layout);
  return layout;
}

std::shared_ptr<const Layout> Layouts::Read(const LayoutId& id) const {
  const auto value = wal_.Layout(id);
  if (!value) {
    OPS_LOG_EVERY(60, kWarn, "store: layout {}: {}; what needs it now goes without", ToHex(id),
                  value.error().message);
    return nullptr;
  }
  if (!*value) return nullptr;
  auto layout = DecodeValue(**value, limits_);
  if (layout && (*layout)->id() == id) return *layout;
  ++stats_.corrupt_layouts;
  OPS_LOG_EVERY(60, kError, "store: layout {}: {}; an agent's next batch brings it again",
                ToHex(id), layout ? "another one under its key" : layout.error().message);
  MutexLock lock(mutex_);
  known_.erase(id);
  return nullptr;
}

std::vector<LayoutId> Layouts::UnusedBefore(Day day) const {
  std::vector<LayoutId> unused;
  MutexLock lock(mutex_);
  for (const auto& entry : known_) {
    if (entry.second < day) unused.push_back(entry.first);
  }
  return unused;
}

Status Layouts::Trim(std::span<const LayoutId> ids, Day day) {
  std::vector<LayoutId> old;
  {
    MutexLock lock(mutex_);
    for (const LayoutId& id : ids) {
      const auto it = known_.find(id);
      if (it != known_.end() && it->second < day) old.push_back(id);
    }
  }
  if (old.empty()) return {};
  OPS_RETURN_IF_ERROR(wal_.DeleteLayouts(old));
  MutexLock lock(mutex_);
  for (const LayoutId& id : old) known_.erase(id);
  stats_.layouts = known_.size();
  stats_.layouts_trimmed += old.size();
  return {};
}

}  // namespace opssight
