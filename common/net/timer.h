// Timer calls a function on its Loop after a while, once or again and again.
//
//   Timer timer(loop);
//   timer.Start(1'000, 5'000, [&] { Scrape(); });  // in 1 s, then every 5 s
//
// May be made on any thread; all else on the loop's, the destruction too once
// Start() was called. May be destroyed, stopped or started anew inside its own
// function. A late loop calls late and leaves out what it missed.
#pragma once

#include <cstdint>
#include <functional>

#include "common/net/loop.h"

namespace opssight {

class Timer {
 public:
  explicit Timer(Loop& loop) : loop_(loop) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was started before. repeat_ms 0: once. delay_ms below 0 is 0.
  void Start(std::int64_t delay_ms, std::int64_t repeat_ms, std::function<void()> fn);
  void Stop();
  bool active() const;

 private:
  struct State;

  Loop& loop_;
  State* state_ = nullptr;  // Deletes itself once libuv has let go of it.
};

}  // namespace opssight
