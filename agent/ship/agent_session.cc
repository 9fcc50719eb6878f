#include "agent/ship/agent_session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

using session::ByeCode;
using session::NackCode;
using Retry = AgentSession::End::Retry;

constexpr int kStrikesMax = 3;
constexpr std::int64_t kAgainMs = 200;  // Before what came out of order is sent again.
constexpr std::int64_t kReplaceRetryMs = 1'000;
constexpr std::int64_t kPauseMinMs = 100;  // Bounds of what the aggregator may ask for.
constexpr std::int64_t kPauseMaxMs = 60'000;

Retry RetryAfter(ByeCode code) {
  switch (code) {
    case ByeCode::kNormal:
      return Retry::kAtOnce;
    case ByeCode::kProtocolError:
    case ByeCode::kOverloaded:
      return Retry::kBackOff;
    case ByeCode::kNotEnrolled:
    case ByeCode::kCertificateExpired:
    case ByeCode::kCertificateUnknown:
    case ByeCode::kRevoked:
    case ByeCode::kClone:
    case ByeCode::kVersion:
      break;
  }
  return Retry::kLong;
}

}  // namespace

AgentSession::AgentSession(AgentSessionOptions options, SpoolView& spool, ShipStats& stats)
    : options_(std::move(options)),
      spool_(spool),
      stats_(stats),
      reader_(options_.frame_bytes_max) {}

AgentSession::~AgentSession() {
  *alive_ = false;
}

void AgentSession::Opened(std::int64_t now_ms) {
  OPS_CHECK(!rebasing_, "ship: connected while the spool changes its epoch");
  Closed();
  ++connection_;
  ++stats_.connects;
  state_ = State::kHello;
  heard_ms_ = now_ms;
  hello_next_ = spool_.next_seq();
  epoch_ = spool_.epoch();
  const std::vector<SeqRange> live = spool_.Ranges();
  const std::string numbered_for = spool_.agent_id();
  moved_ = !numbered_for.empty() && numbered_for != options_.agent_id;
  const bool ask = ask_epoch_ || spool_.wants_epoch() || epoch_ == 0 || moved_;
  Put(session::Hello{.epoch = epoch_,
                     .next_seq = ask ? 0 : hello_next_,
                     .first_unacked = live.empty() ? 0 : live.front().first,
                     .fingerprint = options_.fingerprint,
                     .host = options_.host,
                     .agent_version = options_.agent_version,
                     .numbered_for = moved_ ? numbered_for : ""});
}

void AgentSession::Closed() {
  state_ = State::kClosed;
  stats_.connected = false;
  end_.reset();
  out_.clear();
  reader_ = session::FrameReader(options_.frame_bytes_max);
  pinged_ms_ = 0;
  renewing_ = false;
  stored_.Clear();
  inflight_.clear();
  inflight_bytes_ = backlog_bytes_ = backlog_inflight_ = 0;
  again_.clear();
  replacing_.clear();
  strikes_.clear();
  layouts_sent_.clear();
  pause_until_ms_ = again_after_ms_ = 0;
}

std::optional<AgentSession::End> AgentSession::TakeEnd() {
  return std::exchange(end_, std::nullopt);
}

std::optional<session::Enrolled> AgentSession::TakeRenewed() {
  return std::exchange(renewed_, std::nullopt);
}

void AgentSession::Leave(std::string message) {
  if (state_ != State::kHello && state_ != State::kEstablished) return;
  Put(session::Bye{.code = ByeCode::kNormal, .message = message});
  Finish({.retry = Retry::kAtOnce, .message = std::move(message)});
}

bool AgentSession::Renew(std::string csr_der) {
  if (!may_renew()) return false;
  renewing_ = true;
  Put(session::Renew{.csr_der = std::move(csr_der)});
  return true;
}

void AgentSession::Finish(End end) {
  state_ = State::kEnded;
  stats_.connected = false;
  end_ = std::move(end);
}

void AgentSession::OnBytes(std::string_view bytes, std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (state_ != State::kHello && state_ != State::kEstablished) return;
  reader_.Feed(bytes);
  while (state_ == State::kHello || state_ == State::kEstablished) {
    Result<std::optional<session::Frame>> frame = reader_.Next();
    if (!frame) {
      Put(session::Bye{.code = ByeCode::kProtocolError, .message = frame.error().message});
      return Finish({.retry = Retry::kBackOff,
                     .code = ByeCode::kProtocolError,
                     .message = frame.error().message});
    }
    if (!frame->has_value()) return;
    heard_ms_ = now_ms;
    pinged_ms_ = 0;
    OnFrame(**frame, now_ms);
  }
}

void AgentSession::OnFrame(const session::Frame& frame, std::int64_t now_ms) {
  if (const auto* ping = std::get_if<session::Ping>(&frame)) {
    return Put(session::Pong{.token = ping->token});
  }
  if (std::holds_alternative<session::Pong>(frame)) return;
  if (const auto* bye = std::get_if<session::Bye>(&frame)) return OnBye(*bye);
  if (state_ == State::kHello) {
    if (const auto* welcome = std::get_if<session::Welcome>(&frame)) {
      return OnWelcome(*welcome, now_ms);
    }
  } else {
    if (const auto* ack = std::get_if<session::Ack>(&frame)) return OnAck(*ack);
    if (const auto* nack = std::get_if<session::Nack>(&frame)) return OnNack(*nack, now_ms);
    if (const auto* enrolled = std::get_if<session::Enrolled>(&frame)) {
      renewing_ = false;
      renewed_ = *enrolled;
      return;
    }
  }
  const std::string message = fmt::format("{} came out of turn", session::NameOf(frame));
  Put(session::Bye{.code = ByeCode::kProtocolError, .message = message});
  Finish({.retry = Retry::kBackOff, .code = ByeCode::kProtocolError, .message = message});
}

void AgentSession::OnBye(const session::Bye& bye) {
  ++stats_.refused[static_cast<std::size_t>(bye.code)];
  Finish({.retry = RetryAfter(bye.code),
          .code = bye.code,
          .by_aggregator = true,
          .message = bye.message});
}

std::string AgentSession::Fork(const session::Welcome& welcome) const {
  SeqSet known;
  for (const session::Run& run : welcome.runs) {
    known.Add(run.first, run.last);
    if (run.last >= hello_next_) {
      return fmt::format("the aggregator has batch {}, the next one here is {}", run.last,
                         hello_next_);
    }
    if (spool_.HadHash(run.last, run.last_hash) == false) {
      return fmt::format("the aggregator has another batch {}", run.last);
    }
  }
  for (const SeqRange& range : spool_.Ranges()) known.Add(range.first, range.last);
  const std::uint64_t missing = known.Missing(hello_next_);
  if (missing == 0) return "";
  return fmt::format("the aggregator no longer has {} batches that it had acknowledged", missing);
}

void AgentSession::OnWelcome(const session::Welcome& welcome, std::int64_t now_ms) {
  if (welcome.version != session::kProtocolVersion) {
    const std::string message = fmt::format("the aggregator speaks protocol version {}, not {}",
                                            welcome.version, session::kProtocolVersion);
    Put(session::Bye{.code = ByeCode::kVersion, .message = message});
    return Finish({.retry = Retry::kLong, .code = ByeCode::kVersion, .message = message});
  }
  if (welcome.epoch != epoch_) return Rebase(welcome);
  if (std::string fork = Fork(welcome); !fork.empty()) {
    ask_epoch_ = true;
    OPS_LOG(kWarn, "ship: {}; asking for a new epoch", fork);
    return Leave("state restored: " + fork);
  }
  state_ = State::kEstablished;
  stats_.connected = true;
  window_batches_ = std::max<std::uint32_t>(welcome.window_batches, 1);
  window_bytes_ = welcome.window_bytes;
  for (const session::Run& run : welcome.runs) stored_.Add(run.first, run.last);
  std::vector<SeqRange> present = StoredHere(welcome, hello_next_);
  if (!present.empty()) spool_.Remove(std::move(present));
  SetUpLanes(welcome, now_ms);
}

// The live batches up to `through` that the aggregator has.
std::vector<SeqRange> AgentSession::StoredHere(const session::Welcome& welcome,
                                               std::uint64_t through) {
  std::vector<SeqRange> present;
  for (const session::Run& run : welcome.runs) {
    for (const SeqRange& range : spool_.Ranges()) {
      const SeqRange both{.first = std::max(range.first, run.first),
                          .last = std::min({range.last, run.last, through})};
      if (both.first > both.last) continue;
      present.push_back(both);
      stats_.present += both.last - both.first + 1;
    }
  }
  return present;
}

void AgentSession::SetUpLanes(const session::Welcome& welcome, std::int64_t now_ms) {
  std::uint64_t oldest = 0;  // That is not there.
  for (const SeqRange& range : spool_.Ranges()) {
    const std::uint64_t first = stored_.FirstOutside(range.first);
    if (first > range.last) continue;
    oldest = first;
    break;
  }
  const std::uint64_t next = spool_.next_seq();
  if (oldest == 0) oldest = next;
  // The fresh lane goes on where the newest run ends if that is near enough, or if
  // there are too many runs to open another one.
  const std::uint64_t newest_run_end = std::max(stored_.last() + 1, oldest);
  const bool near = next - std::min(next, newest_run_end) <= options_.backlog_batches_min;
  if (near || welcome.runs.size() >= options_.runs_max) {
    fresh_start_ = newest_run_end;
  } else {
    fresh_start_ = next - 1;
  }
  fresh_ = fresh_start_;
  backlog_ = oldest;
  tokens_ = 0;
  refilled_ms_ = now_ms;
}

void AgentSession::Rebase(const session::Welcome& welcome) {
  RebaseOrder order{.new_epoch = welcome.epoch,
                    .agent_id = options_.agent_id,
                    .stored = {},
                    .sure_from = hello_next_};
  SeqSet live;
  for (const SeqRange& range : spool_.Ranges()) live.Add(range.first, range.last);
  SeqSet known = live;
  for (const session::Run& run : welcome.runs) {
    order.stored.push_back({.first = run.first, .last = run.last, .last_hash = run.last_hash});
    known.Add(run.first, run.last);
    // One story up to the last batch that is provably the same: one of that hash, or
    // one that was acknowledged to this very spool.
    const bool acked = run.last < hello_next_ && !live.Contains(run.last);
    if (acked || spool_.HadHash(run.last, run.last_hash) == true) {
      order.proven_through = std::max(order.proven_through, run.last);
    }
  }
  // Of an agent that is not known there nothing is missing: it is at another aggregator.
  order.lost = moved_ && welcome.runs.empty() ? 0 : known.Missing(hello_next_);
  if (welcome.used_since) {
    // Only what is proven to be stored goes silently; of all else another copy may
    // have sent the same under another number.
    spool_.Remove(StoredHere(welcome, order.proven_through));
    order.stored = {{.first = 1, .last = std::max<std::uint64_t>(hello_next_, 2) - 1}};
    order.proven_through = 0;
    order.used_since = true;
  }
  if (moved_) {
    OPS_LOG(kInfo, "ship: batches of agent {} go on as those of agent {}, epoch {}; {} were lost",
            spool_.agent_id(), options_.agent_id, welcome.epoch, order.lost);
  } else if (epoch_ == 0 && order.lost == 0) {
    OPS_LOG(kInfo, "ship: batches of this spool are of epoch {}", welcome.epoch);
  } else {
    OPS_LOG(kInfo, "ship: going over from epoch {} to {}: up to batch {} is stored; {} were lost",
            epoch_, welcome.epoch, order.proven_through, order.lost);
  }
  rebasing_ = true;
  Leave("new epoch");
  spool_.Rebase(std::move(order), [this, alive = alive_](Status status) {
    if (!*alive) return;
    rebasing_ = false;
    if (status) {
      ask_epoch_ = false;
      ++stats_.epochs;
    } else {
      OPS_LOG(kError, "ship: cannot go over to a new epoch: {}; trying again",
              status.error().message);
    }
  });
}

void AgentSession::OnAck(const session::Ack& ack) {
  std::vector<SeqRange> acked;
  for (const session::Range& range : ack.ranges) {
    auto it = inflight_.lower_bound(range.first);
    while (it != inflight_.end() && it->first <= range.last) {
      const std::uint64_t seq = it->first;
      inflight_bytes_ -= it->second.bytes;
      if (it->second.backlog) {
        --backlog_inflight_;
        backlog_bytes_ -= it->second.bytes;
      }
      it = inflight_.erase(it);
      strikes_.erase(seq);
      stored_.Add(seq, seq);
      ++stats_.acked;
      if (!acked.empty() && acked.back().last + 1 == seq) {
        acked.back().last = seq;
      } else {
        acked.push_back({.first = seq, .last = seq});
      }
    }
  }
  if (!acked.empty()) spool_.Remove(std::move(acked));
}

void AgentSession::OnNack(const session::Nack& nack, std::int64_t now_ms) {
  ++stats_.nacks[static_cast<std::size_t>(nack.code)];
  const auto sent = inflight_.find(nack.seq);
  if (sent == inflight_.end()) return;
  inflight_bytes_ -= sent->second.bytes;
  if (sent->second.backlog) {
    --backlog_inflight_;
    backlog_bytes_ -= sent->second.bytes;
  }
  inflight_.erase(sent);
  switch (nack.code) {
    case NackCode::kRetry: {
      const auto wait_ms = static_cast<std::int64_t>(
          std::min<std::uint64_t>(nack.hint, static_cast<std::uint64_t>(kPauseMaxMs)));
      pause_until_ms_ = now_ms + std::max(wait_ms, kPauseMinMs);
      again_.insert(nack.seq);
      OPS_LOG_EVERY(10, kWarn,
                    "ship: the aggregator cannot store now: {}; batches wait in the spool",
                    nack.message);
      return;
    }
    case NackCode::kOutOfOrder:
      again_after_ms_ = now_ms + kAgainMs;
      again_.insert(nack.seq);
      return;
    case NackCode::kUnknownLayout:
      layouts_sent_.clear();
      if (++strikes_[nack.seq] < kStrikesMax) {
        again_.insert(nack.seq);
        return;
      }
      return Replace(nack.seq, "the aggregator does not take its layout");
    case NackCode::kBadBatch:
      if (++strikes_[nack.seq] < kStrikesMax) {
        return Replace(nack.seq, "refused by the aggregator: " + nack.message);
      }
      break;
  }
  const std::string message =
      fmt::format("batch {} is refused again and again: {}", nack.seq, nack.message);
  Put(session::Bye{.code = ByeCode::kProtocolError, .message = message});
  Finish({.retry = Retry::kLong, .code = ByeCode::kProtocolError, .message = message});
}

void AgentSession::Replace(std::uint64_t seq, std::string reason) {
  OPS_LOG(kWarn, "ship: batch {}: {}; its records become gap records", seq, reason);
  ++stats_.replaced;
  replacing_.insert(seq);
  spool_.Replace(seq, std::move(reason),
                 [this, alive = alive_, seq, of = connection_](Status status) {
                   if (!*alive || of != connection_ || replacing_.erase(seq) == 0) return;
                   again_.insert(seq);
                   if (!status) {
                     again_after_ms_ = now_ms_ + kReplaceRetryMs;
                     OPS_LOG_EVERY(10, kWarn, "ship: batch {}: cannot replace it: {}; trying again",
                                   seq, status.error().message);
                   }
                 });
}

}  // namespace opssight
