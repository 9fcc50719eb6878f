// The sending half of AgentSession: what goes out next, and when there is more.
#include <algorithm>
#include <limits>
#include <utility>

#include "agent/ship/agent_session.h"
#include "common/base/log.h"

namespace opssight {
namespace {

constexpr std::int64_t kReadRetryMs = 1'000;
constexpr std::int64_t kReadBusyMs = 50;
constexpr std::int64_t kTokenWaitMs = 50;

}  // namespace

std::string AgentSession::Produce(std::int64_t now_ms, std::size_t unsent_bytes) {
  now_ms_ = now_ms;
  if (established() && now_ms >= pause_until_ms_) ProduceBatches(now_ms, unsent_bytes);
  return std::exchange(out_, {});
}

void AgentSession::ProduceBatches(std::int64_t now_ms, std::size_t unsent_bytes) {
  RefillTokens(now_ms);
  while (established() && now_ms >= pause_until_ms_ &&
         unsent_bytes + out_.size() < options_.unsent_bytes_max) {
    if (!again_.empty() && now_ms >= again_after_ms_) {
      if (!SendAgain(now_ms)) return;
      continue;
    }
    const std::optional<Lane> lane = PickLane();
    if (!lane || !SendFrom(*lane, now_ms)) return;
  }
}

// A batch larger than the window goes when nothing else is on its way.
bool AgentSession::WindowHas(std::size_t bytes) const {
  if (inflight_.empty()) return true;
  return inflight_.size() < window_batches_ && inflight_bytes_ + bytes <= window_bytes_;
}

void AgentSession::RefillTokens(std::int64_t now_ms) {
  const auto rate = static_cast<double>(options_.backlog_bytes_per_s);
  tokens_ = std::min(tokens_ + rate * static_cast<double>(now_ms - refilled_ms_) / 1000.0, rate);
  refilled_ms_ = now_ms;
}

std::optional<AgentSession::Lane> AgentSession::PickLane() {
  if (!WindowHas(1)) return std::nullopt;
  const std::size_t room = inflight_.empty()
                               ? options_.read_bytes_max
                               : std::min(options_.read_bytes_max, window_bytes_ - inflight_bytes_);
  const std::uint64_t next = spool_.next_seq();
  if (fresh_ < next) return Lane{.cursor = &fresh_, .end = next, .bytes = room};
  if (backlog_ >= fresh_start_) return std::nullopt;
  const bool limited = options_.backlog_bytes_per_s != 0;
  if (limited && tokens_ <= 0) return std::nullopt;
  if (backlog_inflight_ > 0 && (4 * backlog_inflight_ >= 3UL * window_batches_ ||
                                4 * backlog_bytes_ >= 3UL * window_bytes_)) {
    return std::nullopt;
  }
  return Lane{.cursor = &backlog_, .end = fresh_start_, .bytes = room, .backlog = true};
}

// Sends some of a lane. False: nothing more for now.
bool AgentSession::SendFrom(const Lane& lane, std::int64_t now_ms) {
  *lane.cursor = stored_.FirstOutside(*lane.cursor);
  if (*lane.cursor >= lane.end) return true;
  std::uint64_t damaged = 0;
  const auto batches = spool_.ReadFrom(*lane.cursor, lane.bytes, &damaged);
  if (!batches) {
    OnReadError(batches.error(), damaged, now_ms);
    if (damaged != 0) *lane.cursor = damaged + 1;
    return damaged != 0;
  }
  if (batches->empty()) *lane.cursor = lane.end;
  for (const SpooledBatch& batch : *batches) {
    if (batch.seq >= lane.end) {
      *lane.cursor = lane.end;
      return true;
    }
    const bool taken = stored_.Contains(batch.seq) || inflight_.contains(batch.seq) ||
                       again_.contains(batch.seq) || replacing_.contains(batch.seq);
    if (!taken) {
      if (!WindowHas(batch.frame.size())) return false;
      SendBatch(batch, lane.backlog);
    }
    *lane.cursor = batch.seq + 1;
  }
  return true;
}

// Sends the oldest of those that were refused. False: nothing more for now.
bool AgentSession::SendAgain(std::int64_t now_ms) {
  const std::uint64_t seq = *again_.begin();
  if (!WindowHas(1)) return false;
  std::uint64_t damaged = 0;
  const auto batches = spool_.ReadFrom(seq, 1, &damaged);
  if (!batches) {
    OnReadError(batches.error(), damaged, now_ms);
    if (damaged == seq) again_.erase(seq);
    return damaged == seq;
  }
  if (batches->empty() || batches->front().seq != seq) {
    again_.erase(seq);  // Not live any more.
    return true;
  }
  if (!WindowHas(batches->front().frame.size())) return false;
  again_.erase(seq);
  SendBatch(batches->front(), seq < fresh_start_);
  return true;
}

void AgentSession::SendBatch(const SpooledBatch& batch, bool backlog) {
  if (!SendLayouts(batch)) return;
  out_ += session::EncodeBatchHead(batch.seq, batch.hash, batch.frame.size());
  out_ += batch.frame;
  const std::size_t bytes = batch.frame.size();
  inflight_[batch.seq] = {.bytes = bytes, .backlog = backlog};
  inflight_bytes_ += bytes;
  ++stats_.batches_sent;
  stats_.bytes_sent += bytes;
  if (!backlog) return;
  ++backlog_inflight_;
  backlog_bytes_ += bytes;
  tokens_ -= static_cast<double>(bytes);
  ++stats_.backlog_sent;
}

// Sends the layouts of batch that were not sent yet. False: one is gone, so the
// batch is given up.
bool AgentSession::SendLayouts(const SpooledBatch& batch) {
  for (const LayoutId& id : batch.layouts) {
    if (layouts_sent_.contains(id)) continue;
    const Result<std::string> layout = spool_.ReadLayout(id);
    if (!layout) {
      Replace(batch.seq, "its layout cannot be read: " + layout.error().message);
      return false;
    }
    if (layouts_sent_.size() >= options_.layouts_max) layouts_sent_.clear();
    layouts_sent_.insert(id);
    Put(session::LayoutBytes{.frame = *layout});
    ++stats_.layouts_sent;
  }
  return true;
}

void AgentSession::OnReadError(const Error& error, std::uint64_t damaged, std::int64_t now_ms) {
  if (error.code == ErrorCode::kUnavailable) {  // Of a disk that fails the spool speaks.
    pause_until_ms_ = now_ms + kReadBusyMs;
    return;
  }
  ++stats_.read_errors;
  if (damaged != 0) {
    if (!replacing_.contains(damaged)) Replace(damaged, error.message);
    return;
  }
  pause_until_ms_ = now_ms + kReadRetryMs;
  OPS_LOG_EVERY(10, kError, "ship: cannot read the spool: {}; trying again each second",
                error.message);
}

void AgentSession::Tick(std::int64_t now_ms) {
  if (state_ != State::kHello && state_ != State::kEstablished) return;
  const std::int64_t silent_ms = now_ms - heard_ms_;
  if (silent_ms >= options_.dead_after_ms) {
    return Finish({.retry = End::Retry::kBackOff, .message = "the aggregator does not answer"});
  }
  if (silent_ms >= options_.ping_after_ms && pinged_ms_ == 0) {
    pinged_ms_ = now_ms;
    Put(session::Ping{.token = next_token_++});
  }
}

std::int64_t AgentSession::NextDue(std::int64_t now_ms) const {
  if (state_ != State::kHello && state_ != State::kEstablished) {
    return std::numeric_limits<std::int64_t>::max();
  }
  std::int64_t due =
      heard_ms_ + (pinged_ms_ == 0 ? options_.ping_after_ms : options_.dead_after_ms);
  if (pause_until_ms_ > now_ms) return std::min(due, pause_until_ms_);
  if (!again_.empty() && again_after_ms_ > now_ms) due = std::min(due, again_after_ms_);
  if (two_lanes() && tokens_ <= 0) due = std::min(due, now_ms + kTokenWaitMs);
  return due;
}

}  // namespace opssight
