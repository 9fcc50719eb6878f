#include "common/net/timer.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace opssight {

struct Timer::State {
  uv_timer_t handle{};
  // Shared, so that the one that runs survives a Start() or ~Timer within it.
  std::shared_ptr<const std::function<void()>> fn;
};

Timer::~Timer() {
  if (state_ == nullptr) return;
  loop_.AssertHere();
  state_->fn.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void Timer::Start(std::int64_t delay_ms, std::int64_t repeat_ms, std::function<void()> fn) {
  loop_.AssertHere();
  if (state_ == nullptr) {
    state_ = new State;
    uv_timer_init(loop_.handle(), &state_->handle);
    state_->handle.data = state_;
  }
  state_->fn = std::make_shared<const std::function<void()>>(std::move(fn));
  uv_update_time(loop_.handle());  // A long turn of the loop must not shorten the delay.
  uv_timer_start(
      &state_->handle,
      [](uv_timer_t* handle) {
        const auto running = static_cast<State*>(handle->data)->fn;
        if (running != nullptr) (*running)();
      },
      static_cast<std::uint64_t>(std::max<std::int64_t>(delay_ms, 0)),
      static_cast<std::uint64_t>(std::max<std::int64_t>(repeat_ms, 0)));
}

void Timer::Stop() {
  loop_.AssertHere();
  if (state_ == nullptr) return;
  uv_timer_stop(&state_->handle);
  state_->fn.reset();
}

bool Timer::active() const {
  loop_.AssertHere();
  return state_ != nullptr &&
         uv_is_active(reinterpret_cast<const uv_handle_t*>(&state_->handle)) != 0;
}

}  // namespace opssight
