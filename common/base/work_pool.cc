#include "common/base/work_pool.h"

#include <pthread.h>
#include <utility>

namespace opssight {

WorkPool::WorkPool(const std::string& name, std::size_t threads, std::size_t queue_max)
    : queue_max_(queue_max) {
  const std::string shown = name.substr(0, 15);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, shown] {
      pthread_setname_np(pthread_self(), shown.c_str());
      Run();
    });
  }
}

bool WorkPool::TrySubmit(Task task) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
  }
  changed_.NotifyOne();
  return true;
}

void WorkPool::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t WorkPool::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void WorkPool::Run() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace opssight
