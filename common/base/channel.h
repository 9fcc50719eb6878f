// Channel hands values from threads that must not wait to one thread that may.
// Bounded in bytes, as the pusher counts them: where TryPush says no, the pusher
// decides what to do (keep, thin, refuse), and nothing is dropped in here.
//
//   if (!channel.TryPush(batch, bytes)) ...;            // batch is untouched
//   while (channel.Pop(1 << 20, std::nullopt, out)) ... // the one consumer
//
// Any thread. Costs a mutex and a wake-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace opssight {

template <class T>
class Channel {
 public:
  explicit Channel(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes item unless that makes more than bytes_max (one alone is always taken), or
  // the channel is closed.
  bool TryPush(T& item, std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (closed_ || (bytes_ + bytes > bytes_max_ && !items_.empty())) return false;
    PushLocked(item, bytes);
    return true;
  }
  // Takes it whatever the bound: the last ones before Close, or a burst.
  void PushAnyway(T& item, std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    PushLocked(item, bytes);
  }

  // Waits for items, Wake(), Close() or timeout_ms (none: for ever), then appends to out
  // the oldest up to about bytes_max, at least one; with bytes_max 0 none, and items alone
  // do not end the wait. False once closed and empty.
  bool Pop(std::size_t bytes_max, std::optional<std::int64_t> timeout_ms, std::vector<T>& out)
      OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const bool wants = bytes_max > 0;
    if (timeout_ms && *timeout_ms > 0 && !ReadyLocked(wants)) {
      changed_.WaitFor(mutex_, *timeout_ms * kNsPerMs);  // Early is fine: the caller looks again.
    }
    while (!timeout_ms && !ReadyLocked(wants)) changed_.Wait(mutex_);
    woken_ = false;
    for (std::size_t taken = 0; !items_.empty() && taken < bytes_max;) {
      taken += items_.front().second;
      bytes_ -= items_.front().second;
      out.push_back(std::move(items_.front().first));
      items_.pop_front();
    }
    return !closed_ || !items_.empty() || !out.empty();
  }

  void Wake() OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    woken_ = true;
    changed_.NotifyOne();
  }
  void Close() OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyOne();
  }
  bool closed() const OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return closed_;
  }
  std::size_t bytes() const OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return bytes_;
  }
  std::size_t bytes_max() const { return bytes_max_; }

 private:
  bool ReadyLocked(bool wants_items) const OPS_REQUIRES(mutex_) {
    return closed_ || woken_ || (wants_items && !items_.empty());
  }
  void PushLocked(T& item, std::size_t bytes) OPS_REQUIRES(mutex_) {
    items_.emplace_back(std::move(item), bytes);
    bytes_ += bytes;
    changed_.NotifyOne();
  }

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::pair<T, std::size_t>> items_ OPS_GUARDED_BY(mutex_);
  std::size_t bytes_ OPS_GUARDED_BY(mutex_) = 0;
  bool woken_ OPS_GUARDED_BY(mutex_) = false;
  bool closed_ OPS_GUARDED_BY(mutex_) = false;
};

}  // namespace opssight
