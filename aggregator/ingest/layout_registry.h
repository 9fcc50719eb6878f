// LayoutRegistry holds the layouts that agents have sent, each once however many
// agents share it. Bounded by bytes: the one unused for longest is forgotten first
// (its agents are asked for it again), unless the store still holds it, which costs
// nothing more. Any thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "aggregator/store/acceptor.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/thread_annotations.h"
#include "common/codec/batch/batch.h"

namespace opssight {

class LayoutRegistry {
 public:
  explicit LayoutRegistry(std::size_t bytes_max = 64UL << 20) : bytes_max_(bytes_max) {}

  // The layout of these bytes: the one that is here already, or a new one.
  Result<std::shared_ptr<const LayoutFrame>> Add(std::string_view frame, const BatchLimits& limits)
      OPS_EXCLUDES(mutex_);
  // Null: not known (any more).
  std::shared_ptr<const LayoutFrame> Find(const LayoutId& id) OPS_EXCLUDES(mutex_);

  struct Size {
    std::size_t layouts = 0;
    std::size_t bytes = 0;
  };
  Size size() const OPS_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::shared_ptr<const LayoutFrame> layout;
    std::size_t bytes = 0;
  };
  using Order = std::list<Entry>;  // Most recently used first.

  std::shared_ptr<const LayoutFrame> FindLocked(const LayoutId& id) OPS_REQUIRES(mutex_);
  void Insert(std::shared_ptr<const LayoutFrame> layout) OPS_REQUIRES(mutex_);
  void ForgetDead() OPS_REQUIRES(mutex_);

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  Order order_ OPS_GUARDED_BY(mutex_);
  std::unordered_map<LayoutId, Order::iterator> entries_ OPS_GUARDED_BY(mutex_);
  std::size_t bytes_ OPS_GUARDED_BY(mutex_) = 0;
  // Pushed out of order_; alive while the store holds them.
  std::unordered_map<LayoutId, std::weak_ptr<const LayoutFrame>> elsewhere_ OPS_GUARDED_BY(mutex_);
};

}  // namespace opssight
