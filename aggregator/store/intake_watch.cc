#include "aggregator/store/intake_watch.h"

#include <utility>

#include "aggregator/store/flush_policy.h"
#include "common/base/log.h"

namespace opssight {

IntakeWatch::IntakeWatch(const StoreOptions& options, std::vector<SignalSlot> slots, Parts parts)
    : options_(options), slots_(std::move(slots)), parts_(parts) {
  Look();
  thread_ = std::thread([this] { Run(); });
}

void IntakeWatch::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void IntakeWatch::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, options_.tick_ms * kNsPerMs);
      if (stopping_) return;
    }
    Look();
  }
}

void IntakeWatch::Look() {
  disk_low_ = DiskLow();
  parts_.committer.Refuse(disk_low_  ? Committer::Refusal::kDiskLow
                          : Behind() ? Committer::Refusal::kFlushBehind
                                     : Committer::Refusal::kNone);
}

bool IntakeWatch::Behind() const {
  return FlushBehind(options_, {.unflushed_bytes = parts_.workers.unflushed_bytes(),
                                .head_bytes = HeadBytes(slots_),
                                .head_bytes_after_flush = parts_.flusher.head_bytes_after_flush()});
}

bool IntakeWatch::DiskLow() {
  const auto space = options_.disk_space(options_.dir);
  if (!space) {
    OPS_LOG_EVERY(60, kWarn, "store: {}; a full disk shows at the next commit only",
                  space.error().message);
    return false;
  }
  parts_.stats.disk_free_bytes = space->free_bytes;
  const std::uint64_t reserve = DiskReserve(options_, *space);
  const bool low = space->free_bytes < reserve;
  if (low && !disk_low_) {
    OPS_LOG(kError,
            "store: {}: {} bytes free, {} are the reserve; nothing is taken until there is more",
            options_.dir, space->free_bytes, reserve);
  } else if (!low && disk_low_) {
    OPS_LOG(kInfo, "store: {}: {} bytes free; taking batches again", options_.dir,
            space->free_bytes);
  }
  return low;
}

}  // namespace opssight
