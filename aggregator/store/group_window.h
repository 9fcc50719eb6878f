// GroupWindow says when to commit what waits: a lone batch at once, a stream of them
// in groups. The window grows while groups hold several batches and shrinks while
// they hold one, so that an idle system answers in one commit's time and a loaded one
// pays for 50 commits a second instead of 500. Pure; the time comes in.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace opssight {

class GroupWindow {
 public:
  GroupWindow(std::int64_t min_ms, std::int64_t max_ms)
      : min_ns_(min_ms * kNsPerMs), max_ns_(max_ms * kNsPerMs), window_ns_(min_ns_) {}

  // When the next group may start, at the earliest.
  std::int64_t DueNs() const { return last_ns_ + window_ns_; }
  void Started(std::int64_t now_ns, std::size_t batches) {
    last_ns_ = now_ns;
    window_ns_ =
        batches > 1 ? std::min(max_ns_, window_ns_ * 2) : std::max(min_ns_, window_ns_ / 2);
  }

 private:
  const std::int64_t min_ns_;
  const std::int64_t max_ns_;
  std::int64_t window_ns_;
  std::int64_t last_ns_ = 0;
};

}  // namespace opssight
