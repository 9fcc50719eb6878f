#include "aggregator/store/apply_workers.h"

#include <utility>

#include "common/base/check.h"

namespace opssight {
namespace {

bool Holds(const DecodedBatch& batch, StoreSignal signal) {
  switch (signal) {
    case StoreSignal::kMetrics:
      return !batch.metrics().empty() || !batch.histograms().empty() ||
             !batch.exemplars().empty() || !batch.metadata().empty();
    case StoreSignal::kLogs:
      return !batch.logs().empty();
    case StoreSignal::kSpans:
      return !batch.spans().empty();
    case StoreSignal::kGaps:
      return !batch.gaps().empty();
  }
  return false;
}

}  // namespace

// Counts down once a worker.
class ApplyWorkers::Latch {
 public:
  explicit Latch(std::size_t count) : count_(count) {}
  void Arrive() OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (--count_ == 0) done_.NotifyAll();
  }
  void Wait() OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (count_ != 0) done_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar done_;
  std::size_t count_ OPS_GUARDED_BY(mutex_);
};

class ApplyWorkers::Worker {
 public:
  explicit Worker(const SignalSlot& slot) : slot_(slot), thread_([this] { Run(); }) {}
  ~Worker() { Stop(); }

  bool Wants(const std::vector<HandedBatch>& group) const {
    for (const HandedBatch& handed : group) {
      if (Holds(*handed.batch, slot_.signal)) return true;
    }
    return false;
  }
  void Push(Item item) OPS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (stopping_) {
      OPS_CHECK(item.group == nullptr && !item.freeze, "store: work for a stopped worker");
      return item.latch->Arrive();
    }
    queue_.push_back(std::move(item));
    changed_.NotifyOne();
  }
  void Stop() OPS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyOne();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run() OPS_EXCLUDES(mutex_) {
    for (;;) {
      Item item;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
        if (queue_.empty()) return;
        item = std::move(queue_.front());
        queue_.pop_front();
      }
      Do(item);
    }
  }
  void Do(const Item& item) {
    if (item.group != nullptr) {
      for (const HandedBatch& handed : *item.group) {
        if (!Holds(*handed.batch, slot_.signal)) continue;
        slot_.store->Apply(handed.origin, handed.batch);
      }
    }
    if (item.freeze) slot_.store->Freeze(*item.freeze);
    if (item.latch != nullptr) item.latch->Arrive();
  }

  const SignalSlot slot_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Item> queue_ OPS_GUARDED_BY(mutex_);
  bool stopping_ OPS_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: everything above is ready when it starts.
};

ApplyWorkers::ApplyWorkers(const std::vector<SignalSlot>& slots, WalPosition flushed)
    : last_(flushed) {
  for (const SignalSlot& slot : slots) workers_.push_back(std::make_unique<Worker>(slot));
}

ApplyWorkers::~ApplyWorkers() = default;  // A worker's end is its Stop.

void ApplyWorkers::HandOver(std::vector<HandedBatch> group) {
  if (group.empty()) return;
  const auto shared = std::make_shared<const std::vector<HandedBatch>>(std::move(group));
  MutexLock lock(mutex_);
  for (const HandedBatch& handed : *shared) {
    OPS_CHECK(handed.origin.position > last_, "store: batch {} handed over after {}",
              handed.origin.position, last_);
    last_ = handed.origin.position;
    unfrozen_bytes_ += handed.frame_bytes;
    unflushed_bytes_ += handed.frame_bytes;
  }
  for (const auto& worker : workers_) {
    if (worker->Wants(*shared)) worker->Push({.group = shared});
  }
}

WalPosition ApplyWorkers::last() const {
  MutexLock lock(mutex_);
  return last_;
}

std::uint64_t ApplyWorkers::unfrozen_bytes() const {
  MutexLock lock(mutex_);
  return unfrozen_bytes_;
}

std::uint64_t ApplyWorkers::unflushed_bytes() const {
  MutexLock lock(mutex_);
  return unflushed_bytes_;
}

void ApplyWorkers::Flushed(const Cut& cut) {
  MutexLock lock(mutex_);
  unflushed_bytes_ -= cut.bytes;
}

ApplyWorkers::Cut ApplyWorkers::FreezeAll() {
  const auto latch = std::make_shared<Latch>(workers_.size());
  Cut cut;
  {
    MutexLock lock(mutex_);
    cut = {.position = last_, .bytes = std::exchange(unfrozen_bytes_, 0)};
    for (const auto& worker : workers_) worker->Push({.freeze = cut.position, .latch = latch});
  }
  latch->Wait();
  return cut;
}

void ApplyWorkers::WaitIdle() {
  const auto latch = std::make_shared<Latch>(workers_.size());
  {
    MutexLock lock(mutex_);
    for (const auto& worker : workers_) worker->Push({.latch = latch});
  }
  latch->Wait();
}

void ApplyWorkers::Stop() {
  for (const auto& worker : workers_) worker->Stop();
}

}  // namespace opssight
