// The deadlines of an HttpConnection: one timer, set to the earliest.
#include <algorithm>

#include "common/http/connection.h"

namespace opssight {

HttpConnection::Wait HttpConnection::CurrentWait() const {
  if (closing_) return Wait::kNothing;
  if (http2_ != nullptr) {
    if (http2_->oldest_unfinished() != 0) return Wait::kBody;
    return http2_->open_streams() == 0 ? Wait::kIdle : Wait::kNothing;
  }
  if (!pending_.empty() || OutputIsFull()) return Wait::kNothing;
  if (!http1_.has_value()) return sniffed_.empty() ? Wait::kIdle : Wait::kHead;
  if (http1_->in_body()) return Wait::kBody;
  return http1_->in_head() ? Wait::kHead : Wait::kIdle;
}

std::int64_t HttpConnection::WriteDeadline(std::size_t bytes) const {
  shared_.loop.AssertHere();
  return shared_.loop.now_ms() + shared_.limits.write_timeout_ms +
         static_cast<std::int64_t>(bytes * 1000 / shared_.limits.rate_bytes_min);
}

// 0: none.
std::int64_t HttpConnection::WaitDeadline() const {
  const HttpLimits& limits = shared_.limits;
  switch (wait_) {
    case Wait::kIdle:
      return wait_since_ms_ + limits.idle_timeout_ms;
    case Wait::kHead:
      return wait_since_ms_ + limits.header_timeout_ms;
    case Wait::kBody:
      return wait_since_ms_ + limits.body_timeout_ms +
             static_cast<std::int64_t>(wait_bytes_ * 1000 / limits.rate_bytes_min);
    case Wait::kNothing:
      break;
  }
  return 0;
}

void HttpConnection::UpdateDeadline() {
  shared_.loop.AssertHere();
  const Wait wait = CurrentWait();
  const std::int64_t key = http2_ != nullptr ? http2_->oldest_unfinished() : requests_;
  if (wait != wait_ || key != wait_key_) {
    wait_ = wait;
    wait_key_ = key;
    wait_since_ms_ = shared_.loop.now_ms();
    wait_bytes_ = 0;
  }
  std::int64_t at_ms = WaitDeadline();
  const auto sooner = [&](std::int64_t other_ms) {
    if (other_ms != 0 && (at_ms == 0 || other_ms < at_ms)) at_ms = other_ms;
  };
  sooner(socket_deadline_ms_);
  for (const auto& entry : pending_) sooner(entry.second.write_deadline_ms);
  // A timer that is early only looks again: most deadlines move before they come.
  if (at_ms == 0 || (timer_at_ms_ != 0 && timer_at_ms_ <= at_ms)) return;
  timer_at_ms_ = at_ms;
  timer_.Start(at_ms - shared_.loop.now_ms(), 0, [this] { OnTimer(); });
}

void HttpConnection::OnTimer() {
  shared_.loop.AssertHere();
  timer_at_ms_ = 0;
  const std::int64_t now_ms = shared_.loop.now_ms();
  if (stream_->pending_bytes() == 0) socket_deadline_ms_ = 0;
  bool slow = socket_deadline_ms_ != 0 && socket_deadline_ms_ <= now_ms;
  for (const auto& entry : pending_) {
    const std::int64_t deadline_ms = entry.second.write_deadline_ms;
    slow = slow || (deadline_ms != 0 && deadline_ms <= now_ms);
  }
  if (slow) {
    shared_.metrics->slow_readers.Add();
    return Over();
  }
  const std::int64_t wait_deadline_ms = WaitDeadline();
  if (wait_deadline_ms != 0 && wait_deadline_ms <= now_ms) TimedOut();
  UpdateDeadline();
}

void HttpConnection::TimedOut() {
  if (wait_ == Wait::kIdle) {
    if (http2_ == nullptr) return CloseSoon();
    http2_->GoAway();
    FlushHttp2();
    if (!closing_) CloseSoon();
    return;
  }
  if (http2_ == nullptr) {
    return RefuseHttp1(408, wait_ == Wait::kHead ? "the request did not come in time"
                                                 : "the body did not come in time");
  }
  shared_.metrics->timeouts.Add();
  http2_->GoAway();
  FlushHttp2();
  if (!closing_) CloseSoon();
}

}  // namespace opssight
