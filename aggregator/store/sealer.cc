#include "aggregator/store/sealer.h"

#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "aggregator/store/flush_policy.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr int kNice = 10;  // Ingest and queries come first.

}  // namespace

Sealer::Sealer(const StoreOptions& options, std::vector<SignalSlot> slots, StoreStats& stats)
    : options_(options), slots_(std::move(slots)), stats_(stats), thread_([this] { Run(); }) {}

void Sealer::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Sealer::Run() {
  // Of this thread alone. Without it sealing works as well.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  while (!stop_) {
    while (!stop_ && Turn()) continue;
    MutexLock lock(mutex_);
    if (!stop_) changed_.WaitFor(mutex_, options_.seal.tick_ms * kNsPerMs);
  }
}

// Whether a signal had something to do, and may have more.
bool Sealer::Turn() {
  bool more = false;
  for (const SignalSlot& slot : slots_) {
    if (stop_) return false;
    const std::int64_t start_ns = Clock::System().SteadyNs();
    const auto done = slot.store->SealDue({.options = options_.seal,
                                           .now_ms = options_.clock->WallMs(),
                                           .spare_bytes = SpareBytes(options_),
                                           .cancelled = [this] { return stop_.load(); }});
    if (done && !*done) continue;
    const std::int64_t took_ns = Clock::System().SteadyNs() - start_ns;
    stats_.seal_us += static_cast<std::uint64_t>(took_ns / kNsPerUs);
    if (done) {
      ++stats_.sealed_days;
      more = true;
    } else if (!stop_) {
      ++stats_.seal_errors;
      OPS_LOG(kWarn, "store: seal a day of {}: {}; it stays as it is, tried again in {} s",
              ToString(slot.signal), done.error().message, options_.seal.retry_ms / kMsPerSecond);
    }
  }
  return more;
}

}  // namespace opssight
