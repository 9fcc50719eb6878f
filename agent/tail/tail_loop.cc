#include "agent/tail/tail_loop.h"

#include <utility>

#include "common/base/log.h"

namespace opssight {

Result<std::unique_ptr<TailLoop>> TailLoop::Start(Loop& loop, const Clock& clock,
                                                  TailOptions options, Sink& sink,
                                                  const PositionReader& positions) {
  loop.AssertHere();
  std::unique_ptr<TailLoop> tail(new TailLoop(loop, clock, options.event_delay_ms));
  if (options.inotify) {
    auto inotify = Inotify::Open();
    if (inotify) {
      tail->inotify_ = *std::move(inotify);
    } else {
      OPS_LOG(kWarn, "{}; polling instead", inotify.error().message);
    }
  }
  OPS_TRY(tail->tailer_, Tailer::Create(std::move(options), sink, positions, tail->inotify_.get()));
  tail->Open(tail->inotify_ != nullptr);
  return tail;
}

TailLoop::TailLoop(Loop& loop, const Clock& clock, std::int64_t event_delay_ms)
    : loop_(loop), clock_(clock), event_delay_ms_(event_delay_ms) {}

TailLoop::~TailLoop() {
  Stop();
}

void TailLoop::Open(bool watch) {
  loop_.AssertHere();
  handles_ = new Handles;  // Freed by the last close callback.
  handles_->owner = this;
  uv_timer_init(loop_.handle(), &handles_->timer);
  handles_->timer.data = handles_;
  handles_->open = 1;
  if (watch && uv_poll_init(loop_.handle(), &handles_->poll, inotify_->fd()) == 0) {
    handles_->poll.data = handles_;
    handles_->has_poll = true;
    ++handles_->open;
  }
  Wait(0);
}

void TailLoop::Stop() {
  loop_.AssertHere();
  if (handles_ == nullptr) return;
  Handles* const handles = std::exchange(handles_, nullptr);
  handles->owner = nullptr;
  const uv_close_cb closed = [](uv_handle_t* handle) {
    auto* const of = static_cast<Handles*>(handle->data);
    if (--of->open == 0) delete of;
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&handles->timer), closed);
  if (handles->has_poll) uv_close(reinterpret_cast<uv_handle_t*>(&handles->poll), closed);
  tailer_->Flush();
}

const TailStats& TailLoop::stats() const {
  loop_.AssertHere();
  return tailer_->stats();
}

void TailLoop::OnTimer() {
  loop_.AssertHere();
  if (inotify_) inotify_->Drain(*tailer_);
  const TailTime now{.steady_ms = clock_.SteadyMs(), .wall_ns = clock_.WallNs()};
  Wait(tailer_->Tick(now));
}

// Calls Tick() in ms, sooner for an event unless it is due sooner anyhow.
void TailLoop::Wait(std::int64_t ms) {
  loop_.AssertHere();
  const auto on_timer = [](uv_timer_t* timer) {
    TailLoop* const owner = static_cast<Handles*>(timer->data)->owner;
    if (owner != nullptr) owner->OnTimer();
  };
  uv_timer_start(&handles_->timer, on_timer, static_cast<std::uint64_t>(ms), 0);
  if (!handles_->has_poll) return;
  if (ms <= event_delay_ms_) {
    uv_poll_stop(&handles_->poll);  // An event must not put the timer off.
    return;
  }
  uv_poll_start(&handles_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
    TailLoop* const owner = static_cast<Handles*>(poll->data)->owner;
    if (owner != nullptr) owner->OnEvents();
  });
}

void TailLoop::OnEvents() {
  loop_.AssertHere();
  uv_poll_stop(&handles_->poll);
  Wait(event_delay_ms_);
}

}  // namespace opssight
