#include "aggregator/ingest/layout_registry.h"

#include <string>
#include <utility>

namespace opssight {
namespace {

std::size_t BytesOf(const LayoutFrame& layout) {
  return sizeof(LayoutFrame) + layout.frame.size();
}

}  // namespace

Result<std::shared_ptr<const LayoutFrame>> LayoutRegistry::Add(std::string_view frame,
                                                               const BatchLimits& limits) {
  OPS_TRY(const std::shared_ptr<const Layout> layout, DecodeLayout(frame, limits));
  const MutexLock lock(mutex_);
  if (auto known = FindLocked(layout->id())) return known;
  auto added = std::make_shared<const LayoutFrame>(LayoutFrame{
      .id = layout->id(), .series = layout->series().size(), .frame = std::string(frame)});
  Insert(added);
  return std::shared_ptr<const LayoutFrame>(std::move(added));
}

std::shared_ptr<const LayoutFrame> LayoutRegistry::Find(const LayoutId& id) {
  const MutexLock lock(mutex_);
  return FindLocked(id);
}

LayoutRegistry::Size LayoutRegistry::size() const {
  const MutexLock lock(mutex_);
  return {.layouts = entries_.size(), .bytes = bytes_};
}

std::shared_ptr<const LayoutFrame> LayoutRegistry::FindLocked(const LayoutId& id) {
  if (const auto entry = entries_.find(id); entry != entries_.end()) {
    order_.splice(order_.begin(), order_, entry->second);
    return entry->second->layout;
  }
  const auto held = elsewhere_.find(id);
  if (held == elsewhere_.end()) return nullptr;
  std::shared_ptr<const LayoutFrame> layout = held->second.lock();
  elsewhere_.erase(held);
  if (layout != nullptr) Insert(layout);
  return layout;
}

void LayoutRegistry::Insert(std::shared_ptr<const LayoutFrame> layout) {
  const LayoutId id = layout->id;
  const std::size_t bytes = BytesOf(*layout);
  order_.push_front({.layout = std::move(layout), .bytes = bytes});
  entries_[id] = order_.begin();
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    const Entry& oldest = order_.back();
    elsewhere_[oldest.layout->id] = oldest.layout;
    entries_.erase(oldest.layout->id);
    bytes_ -= oldest.bytes;
    order_.pop_back();
    if (elsewhere_.size() > 2 * entries_.size() + 64) ForgetDead();
  }
}

void LayoutRegistry::ForgetDead() {
  for (auto it = elsewhere_.begin(); it != elsewhere_.end();) {
    it = it->second.expired() ? elsewhere_.erase(it) : std::next(it);
  }
}

}  // namespace opssight
