#include "aggregator/store/flusher.h"

#include <algorithm>
#include <limits>
#include <malloc.h>
#include <utility>

#include "common/base/log.h"

namespace opssight {

Flusher::Flusher(const StoreOptions& options, std::vector<SignalSlot> slots, Parts parts,
                 WalPosition flushed, std::int64_t seen_wall_ms)
    : options_(options),
      slots_(std::move(slots)),
      parts_(std::move(parts)),
      flushed_(flushed),
      last_flush_ms_(options.clock->SteadyMs()),
      retention_(options.retention_every_ms, seen_wall_ms, options.clock->SteadyMs()),
      thread_([this] { Run(); }) {}

void Flusher::At(StorePoint point) const {
  if (options_.hooks != nullptr) options_.hooks->At(point);
}

Status Flusher::FlushNow() {
  MutexLock lock(mutex_);
  if (stopping_) return Unavailable("store: stopping");
  const std::uint64_t mine = ++asked_;
  changed_.NotifyAll();
  while (answered_ < mine && !stopped_) changed_.Wait(mutex_);
  if (answered_ < mine) return Unavailable("store: stopping");
  return answer_;
}

void Flusher::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

// Also keeps off a mutex that is taken again and again from the committer's way.
void Flusher::Pause(std::int64_t ms) {
  MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, ms * kNsPerMs);
}

void Flusher::Run() {
  for (;;) {
    std::uint64_t asked = 0;
    bool stopping = false;
    bool answer = false;
    {
      MutexLock lock(mutex_);
      if (!stopping_ && asked_ == answered_) {
        changed_.WaitFor(mutex_, options_.tick_ms * kNsPerMs);
      }
      asked = asked_;
      answer = asked_ != answered_;
      stopping = stopping_;
    }
    Status flushed;
    if (stopping || answer) {
      flushed = Flush(stopping ? FlushReason::kStop : FlushReason::kAsked);
    } else {
      Tick();
    }
    parts_.after_turn();
    MutexLock lock(mutex_);
    answered_ = asked;
    answer_ = std::move(flushed);
    stopped_ = stopping;
    changed_.NotifyAll();
    if (stopping) return;
  }
}

void Flusher::Tick() {
  const std::int64_t now_ms = options_.clock->SteadyMs();
  if (now_ms >= retry_at_ms_) {
    const FlushReason due = FlushDue(options_, State());
    if (frozen_ || due != FlushReason::kNone) {
      (void)Flush(due);  // Counted and logged there; the next tick tries again.
    } else {
      (void)TrimAll();  // What a WalTap lets go of between flushes.
    }
  }
  Retain();
}

FlushState Flusher::State() const {
  return {.anything = parts_.workers.last() > flushed_,
          .since_flush_ms = options_.clock->SteadyMs() - last_flush_ms_,
          .unfrozen_bytes = parts_.workers.unfrozen_bytes(),
          .unflushed_bytes = parts_.workers.unflushed_bytes(),
          .head_bytes = HeadBytes(slots_),
          .head_bytes_after_flush = head_bytes_after_flush_,
          .ripe = std::any_of(slots_.begin(), slots_.end(),
                              [](const SignalSlot& slot) { return slot.store->head_ripe(); })};
}

Status Flusher::Flush(FlushReason reason) {
  const std::int64_t start_ns = Clock::System().SteadyNs();
  Status status;
  if (frozen_) status = Complete();  // Of a round before, which failed.
  if (status && parts_.workers.last() > flushed_) {
    OPS_LOG(kDebug, "store: flush: {}", ToString(reason));
    frozen_ = parts_.workers.FreezeAll();
    At(StorePoint::kFrozen);
    status = Complete();
  }
  if (status) status = TrimAll();
  malloc_trim(0);  // Heads are many small pieces; without it what they leave stays ours.
  if (!status) {
    ++parts_.stats.flush_errors;
    retry_at_ms_ = options_.clock->SteadyMs() + options_.flush_retry_ms;
    OPS_LOG_EVERY(10, kError, "store: flush: {}; the wal keeps it, next try in {} ms",
                  status.error().message, options_.flush_retry_ms);
  }
  const std::int64_t took_ns = Clock::System().SteadyNs() - start_ns;
  parts_.stats.flush_us += static_cast<std::uint64_t>(took_ns / kNsPerUs);
  return status;
}

// From frozen heads to published days.
Status Flusher::Complete() {
  const WalPosition cut = frozen_->position;
  OPS_RETURN_IF_ERROR(
      WriteCutNote(parts_.notes, {.cut = cut, .wall_ms = options_.clock->WallMs()}));
  At(StorePoint::kCutNoted);
  for (const SignalSlot& slot : slots_) {
    if (Status status = slot.store->Flush(cut); !status) {
      return std::move(status).error().At(ToString(slot.signal));
    }
    At(StorePoint::kSignalFlushed);
  }
  At(StorePoint::kFlushed);
  OPS_RETURN_IF_ERROR(parts_.wal.RecordFlushed(cut));
  At(StorePoint::kCutRecorded);
  for (const SignalSlot& slot : slots_) slot.store->Publish(cut);
  At(StorePoint::kPublished);
  ++parts_.stats.flushes;
  parts_.stats.flushed_bytes += frozen_->bytes;
  parts_.workers.Flushed(*frozen_);
  flushed_ = cut;
  frozen_.reset();
  last_flush_ms_ = options_.clock->SteadyMs();
  head_bytes_after_flush_ = HeadBytes(slots_);
  return {};
}

// In pieces, so that a commit never waits for more than one of them.
Status Flusher::TrimAll() {
  const WalPosition cut = std::min(flushed_, parts_.held.load());
  while (trimmed_ < cut) {
    const auto gone = parts_.wal.Trim(cut, options_.trim_bytes);
    if (!gone) {
      ++parts_.stats.trim_errors;
      return gone.error();
    }
    if (gone->entries == 0) {
      trimmed_ = cut;
      break;
    }
    At(StorePoint::kTrimmed);
    Pause(1);
  }
  return {};
}

const Retention& Flusher::RetentionOf(StoreSignal signal) const {
  switch (signal) {
    case StoreSignal::kMetrics:
      return options_.metrics;
    case StoreSignal::kLogs:
      return options_.logs;
    case StoreSignal::kSpans:
      return options_.spans;
    case StoreSignal::kGaps:
      break;
  }
  return options_.gaps;
}

void Flusher::Retain() {
  const std::int64_t now_ms = options_.clock->WallMs();
  switch (retention_.Ask(now_ms, options_.clock->SteadyMs())) {
    case RetentionSchedule::Answer::kNotYet:
      return;
    case RetentionSchedule::Answer::kClockJumped:
      ++parts_.stats.retention_skipped;
      OPS_LOG(kWarn, "store: the wall clock jumped by more than a day; no day is dropped for {} s",
              options_.retention_every_ms / kMsPerSecond);
      return;
    case RetentionSchedule::Answer::kRun:
      break;
  }
  ++parts_.stats.retention_runs;
  for (const SignalSlot& slot : slots_) {
    if (const Status status = RetainOne(slot, now_ms); !status) {
      ++parts_.stats.retention_errors;
      OPS_LOG(kWarn, "store: retention of {}: {}; tried again in {} s", ToString(slot.signal),
              status.error().message, options_.retention_every_ms / kMsPerSecond);
    }
  }
  parts_.committer.TrimLayouts(trimmed_);
}

Status Flusher::RetainOne(const SignalSlot& slot, std::int64_t now_ms) {
  const Retention& keep = RetentionOf(slot.signal);
  if (keep.keep_ms == 0 && keep.bytes_max == 0) return {};
  constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::min() / 2;
  const std::uint64_t before = slot.store->disk_bytes();
  OPS_RETURN_IF_ERROR(
      slot.store->Retain(keep.keep_ms == 0 ? kForEver : now_ms - keep.keep_ms, keep.bytes_max));
  const std::uint64_t after = slot.store->disk_bytes();
  parts_.stats.retention_bytes += before - std::min(before, after);
  return {};
}

}  // namespace opssight
