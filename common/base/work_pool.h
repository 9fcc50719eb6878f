// WorkPool runs tasks on a fixed number of threads, first come first served, with a
// bounded queue: what does not fit is refused at once, so that a burst costs its
// senders an error and not this process its memory.
//
// Any thread may submit. Tasks must not throw and should look now and then whether
// they are still wanted. Stop() runs what was taken on, then joins.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace opssight {

class WorkPool {
 public:
  using Task = std::function<void()>;

  // name: of the threads, at most 15 characters are shown.
  WorkPool(const std::string& name, std::size_t threads, std::size_t queue_max);
  ~WorkPool() { Stop(); }
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False, and task is dropped: queue_max tasks wait already, or Stop was called.
  bool TrySubmit(Task task) OPS_EXCLUDES(mutex_);
  void Stop() OPS_EXCLUDES(mutex_);

  std::size_t waiting() const OPS_EXCLUDES(mutex_);

 private:
  void Run() OPS_EXCLUDES(mutex_);

  const std::size_t queue_max_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Task> queue_ OPS_GUARDED_BY(mutex_);
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace opssight
