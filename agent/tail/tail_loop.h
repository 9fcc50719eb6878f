// TailLoop runs a tailer on a loop: a timer for Tick(), inotify as the reason to call it
// sooner. After an event it waits event_delay_ms with inotify off, so that a file written
// to line by line costs one look for many lines.
//
//   auto tail = TailLoop::Start(loop, clock, options, sink, positions);   // on the loop
//   (*tail)->Stop();            // on the loop, before it stops; then drop it
//
// Made, used and dropped on the loop's thread. sink, clock and loop outlive it.
#pragma once

#include <memory>

#include <uv.h>

#include "agent/sink/sink.h"
#include "agent/tail/inotify.h"
#include "agent/tail/tailer.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/loop.h"

namespace opssight {

class TailLoop {
 public:
  static Result<std::unique_ptr<TailLoop>> Start(Loop& loop, const Clock& clock,
                                                 TailOptions options, Sink& sink,
                                                 const PositionReader& positions);
  ~TailLoop();
  TailLoop(const TailLoop&) = delete;
  TailLoop& operator=(const TailLoop&) = delete;

  // Reads no more, and hands over the last positions. The sink's Commit is the caller's.
  void Stop();

  const TailStats& stats() const;

 private:
  // Lives until libuv has closed the handles.
  struct Handles {
    TailLoop* owner = nullptr;
    uv_timer_t timer;
    uv_poll_t poll;
    bool has_poll = false;
    int open = 0;
  };

  TailLoop(Loop& loop, const Clock& clock, std::int64_t event_delay_ms);
  void Open(bool watch);
  void OnTimer();
  void OnEvents();
  void Wait(std::int64_t ms);

  Loop& loop_;
  const Clock& clock_;
  const std::int64_t event_delay_ms_;
  std::unique_ptr<Inotify> inotify_;
  std::unique_ptr<Tailer> tailer_;
  Handles* handles_ OPS_GUARDED_BY(loop_) = nullptr;
};

}  // namespace opssight
