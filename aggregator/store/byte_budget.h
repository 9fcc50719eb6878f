// ByteBudget bounds the memory of work under way. Who starts work takes a ticket
// for its bytes; the ticket's last owner to let go gives them back.
//
//   auto ticket = budget.TryTake(bytes);    // Null: no room, refuse the work.
//
// Work larger than the whole budget is let in when nothing else is under way. Any
// thread. The budget outlives its tickets.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/base/mutex.h"

namespace opssight {

class ByteBudget {
 public:
  class Hold {
   public:
    Hold(ByteBudget& budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    ~Hold() { budget_.Give(bytes_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    ByteBudget& budget_;
    const std::size_t bytes_;
  };
  using Ticket = std::shared_ptr<const Hold>;

  // *level follows what is taken.
  ByteBudget(std::size_t bytes_max, std::atomic<std::uint64_t>& level)
      : bytes_max_(bytes_max), level_(level) {}

  Ticket TryTake(std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!Fits(bytes)) return nullptr;
    return TakeLocked(bytes);
  }
  // Waits for room: only where others are sure to give back, and not the caller itself.
  Ticket Take(std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!Fits(bytes)) given_.Wait(mutex_);
    return TakeLocked(bytes);
  }
  // Beyond the limit too: for what is small and must go on.
  Ticket TakeAnyway(std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return TakeLocked(bytes);
  }

 private:
  bool Fits(std::size_t bytes) const OPS_REQUIRES(mutex_) {
    return taken_ == 0 || (bytes <= bytes_max_ && taken_ <= bytes_max_ - bytes);
  }
  Ticket TakeLocked(std::size_t bytes) OPS_REQUIRES(mutex_) {
    taken_ += bytes;
    level_ = taken_;
    return std::make_shared<const Hold>(*this, bytes);
  }
  void Give(std::size_t bytes) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    taken_ -= bytes;
    level_ = taken_;
    given_.NotifyAll();
  }

  const std::size_t bytes_max_;
  std::atomic<std::uint64_t>& level_;
  Mutex mutex_;
  CondVar given_;
  std::size_t taken_ OPS_GUARDED_BY(mutex_) = 0;
};

}  // namespace opssight
