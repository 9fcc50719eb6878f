#include "aggregator/ingest/server_session.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "common/base/log.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

using session::ByeCode;
using session::NackCode;

// How often an aggregator that was itself restored from a copy may count up to the
// epoch that an agent already has.
constexpr int kEpochTries = 64;

std::string_view Bytes(const session::Fingerprint& fingerprint) {
  return {reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size()};
}

// Sorted numbers as ranges.
std::vector<session::Range> Ranges(const std::vector<std::uint64_t>& seqs) {
  std::vector<session::Range> ranges;
  for (const std::uint64_t seq : seqs) {
    if (!ranges.empty() && seq <= ranges.back().last + 1) {
      ranges.back().last = seq;
    } else {
      ranges.push_back({.first = seq, .last = seq});
    }
  }
  return ranges;
}

}  // namespace

ServerSession::ServerSession(std::uint64_t id, SessionPeer peer, SessionLink& connection,
                             SessionHost& host, std::int64_t now_ms)
    : id_(id),
      peer_(std::move(peer)),
      connection_(connection),
      host_(host),
      opened_ms_(now_ms),
      heard_ms_(now_ms),
      checked_ms_(now_ms) {}

void ServerSession::OnBytes(std::string_view bytes, std::int64_t now_ms) {
  if (ended()) return;
  reader_.Feed(bytes);
  ReadFrames(now_ms);
}

void ServerSession::ReadFrames(std::int64_t now_ms) {
  while (!ended() && !blocked_) {
    if (MustBlock()) {
      blocked_ = true;
      ++host_.stats().pauses;
      connection_.Pause();
      return;
    }
    Result<std::optional<session::Frame>> frame = reader_.Next();
    if (!frame) return End(ByeCode::kProtocolError, frame.error().message);
    if (!frame->has_value()) return;
    heard_ms_ = now_ms;
    pinged_ms_ = 0;
    OnFrame(**frame);
  }
}

bool ServerSession::MustBlock() const {
  if (!established()) return false;
  // Twice the window: an agent that keeps to it is never stopped here.
  const SessionOptions& options = host_.options();
  return inflight_batches_ >= 2 * options.window_batches ||
         (inflight_batches_ > 0 && inflight_bytes_ >= 2UL * options.window_bytes) ||
         host_.Overfull();
}

void ServerSession::Unblock(std::int64_t now_ms) {
  if (ended() || !blocked_ || MustBlock()) return;
  blocked_ = false;
  heard_ms_ = now_ms;  // Nobody listened meanwhile.
  connection_.Resume();
  ReadFrames(now_ms);
}

void ServerSession::OnTick(std::int64_t now_ms) {
  if (ended() || blocked_) return;
  const SessionOptions& options = host_.options();
  if (state_ == State::kGreeting && now_ms - opened_ms_ >= options.greeting_ms) {
    return End(ByeCode::kProtocolError, "no Hello came");
  }
  if (established() && now_ms - checked_ms_ >= options.recheck_ms) {
    checked_ms_ = now_ms;
    const AgentCheck check = host_.authority().Check(peer_.agent_id, Bytes(hello_.fingerprint));
    if (check.verdict == AgentCheck::Verdict::kRevoked) {
      return End(ByeCode::kRevoked, check.message);
    }
  }
  const std::int64_t silent_ms = now_ms - heard_ms_;
  if (silent_ms >= options.dead_after_ms) {
    ++host_.stats().silent;
    return End(ByeCode::kNormal, fmt::format("nothing came for {} s", silent_ms / 1000));
  }
  if (silent_ms >= options.ping_after_ms && pinged_ms_ == 0) {
    pinged_ms_ = now_ms;
    Send(session::Ping{.token = next_token_++});
  }
}

void ServerSession::OnFrame(const session::Frame& frame) {
  if (const auto* ping = std::get_if<session::Ping>(&frame)) {
    return Send(session::Pong{.token = ping->token});
  }
  if (const auto* pong = std::get_if<session::Pong>(&frame)) return OnPong(*pong);
  if (const auto* bye = std::get_if<session::Bye>(&frame)) {
    return Finish({.code = bye->code, .by_agent = true, .message = bye->message});
  }
  if (state_ == State::kGreeting) return OnGreeting(frame);
  if (state_ == State::kEstablished) {
    if (const auto* batch = std::get_if<session::Batch>(&frame)) return OnBatch(*batch);
    if (const auto* layout = std::get_if<session::LayoutBytes>(&frame)) return OnLayout(*layout);
    if (const auto* renew = std::get_if<session::Renew>(&frame)) return OnRenew(*renew);
  }
  End(ByeCode::kProtocolError, fmt::format("{} came out of turn", session::NameOf(frame)));
}

void ServerSession::OnGreeting(const session::Frame& frame) {
  if (const auto* hello = std::get_if<session::Hello>(&frame)) return OnHello(*hello);
  if (const auto* enrol = std::get_if<session::Enrol>(&frame)) return OnEnrol(*enrol);
  End(ByeCode::kProtocolError, fmt::format("{} came before Hello", session::NameOf(frame)));
}

bool ServerSession::RefuseCertificate() {
  switch (peer_.certificate) {
    case SessionPeer::Certificate::kVerified:
      return false;
    case SessionPeer::Certificate::kNone:
      End(ByeCode::kNotEnrolled,
          fmt::format("{}: this host is not enrolled here; run opssight-agent enrol", peer_.why));
      return true;
    case SessionPeer::Certificate::kExpired:
      End(ByeCode::kCertificateExpired,
          fmt::format("client certificate {}: {}; run opssight-agent enrol again", peer_.serial,
                      peer_.why));
      return true;
    case SessionPeer::Certificate::kUnverified:
      break;
  }
  End(ByeCode::kCertificateUnknown,
      fmt::format("client certificate {}: {}; it is not from this aggregator", peer_.serial,
                  peer_.why));
  return true;
}

// Whether the agent may go on; else it was told why not.
bool ServerSession::CheckIdentity(std::uint64_t* epoch) {
  const AgentCheck check = host_.authority().Check(peer_.agent_id, Bytes(hello_.fingerprint));
  switch (check.verdict) {
    case AgentCheck::Verdict::kOk:
      *epoch = check.epoch;
      return true;
    case AgentCheck::Verdict::kUnknown:
      End(ByeCode::kNotEnrolled, check.message);
      return false;
    case AgentCheck::Verdict::kRevoked:
      End(ByeCode::kRevoked, check.message);
      return false;
    case AgentCheck::Verdict::kClone:
      End(ByeCode::kClone, check.message);
      return false;
    case AgentCheck::Verdict::kUnavailable:
      break;
  }
  End(ByeCode::kOverloaded, check.message);
  return false;
}

void ServerSession::OnHello(const session::Hello& hello) {
  hello_ = hello;
  if (hello.version < session::kProtocolVersion) {
    return End(ByeCode::kVersion, fmt::format("protocol version {} is too old, {} is spoken here",
                                              hello.version, session::kProtocolVersion));
  }
  std::uint64_t epoch = 0;
  if (RefuseCertificate() || !CheckIdentity(&epoch)) return;
  state_ = State::kClaiming;
  host_.Claim(*this);
}

void ServerSession::Admit(std::int64_t now_ms) {
  std::uint64_t newest = 0;  // Again: another session may have got a new one meanwhile.
  if (ended() || !CheckIdentity(&newest)) return;
  const Numbered numbered = NumberedFor(newest);
  Result<AgentProgress> progress = AgentProgress();
  if (!numbered.agent_id.empty()) {
    progress = host_.acceptor().Progress(numbered.agent_id, hello_.epoch);
  }
  if (!progress) return End(ByeCode::kOverloaded, progress.error().message);

  session::Welcome welcome{.epoch = hello_.epoch,
                           .window_batches = host_.options().window_batches,
                           .window_bytes = host_.options().window_bytes,
                           .unix_ms = static_cast<std::uint64_t>(host_.wall_ms())};
  bool fork = hello_.next_seq == 0 || hello_.epoch != newest || numbered.agent_id != peer_.agent_id;
  for (const CommittedRun& run : progress->runs) {
    fork = fork || run.last >= hello_.next_seq;
    welcome.runs.push_back({.first = run.first, .last = run.last, .last_hash = run.last_hash});
  }
  if (fork) {
    const Result<bool> used = UsedSince(numbered);
    if (!used) return End(ByeCode::kOverloaded, used.error().message);
    welcome.used_since = *used;
    const Result<std::uint64_t> epoch = NewEpoch();
    if (!epoch) return End(ByeCode::kOverloaded, epoch.error().message);
    welcome.epoch = *epoch;
    ++host_.stats().epochs;
    if (numbered.agent_id != peer_.agent_id) {
      OPS_LOG(kInfo, "ingest: agent {} ({}): was agent {}; goes on as epoch {}", hello_.host,
              peer_.agent_id, hello_.numbered_for, welcome.epoch);
    } else if (hello_.epoch == 0) {
      OPS_LOG(kInfo, "ingest: agent {} ({}): begins with epoch {}", hello_.host, peer_.agent_id,
              welcome.epoch);
    } else {
      OPS_LOG(
          kInfo,
          "ingest: agent {} ({}): its state is older than what is here, or was copied (epoch {},"
          " next batch {}); goes on as epoch {}",
          hello_.host, peer_.agent_id, hello_.epoch, hello_.next_seq, welcome.epoch);
    }
  } else {
    ++host_.stats().sessions;
    reader_.set_frame_bytes_max(host_.options().frame_bytes_max);
  }
  state_ = fork ? State::kRebasing : State::kEstablished;
  heard_ms_ = now_ms;
  Send(welcome);
}

ServerSession::Numbered ServerSession::NumberedFor(std::uint64_t newest) const {
  if (hello_.numbered_for.empty() || hello_.numbered_for == peer_.agent_id) {
    return {.agent_id = peer_.agent_id, .newest = newest};
  }
  const auto earlier =
      host_.authority().EpochOfEarlier(hello_.numbered_for, Bytes(hello_.fingerprint));
  if (!earlier) return {};
  return {.agent_id = hello_.numbered_for, .newest = *earlier};
}

// Whether anything was stored under an epoch later than the agent's.
Result<bool> ServerSession::UsedSince(const Numbered& numbered) {
  if (hello_.epoch == 0 || hello_.epoch >= numbered.newest) return false;
  if (numbered.newest - hello_.epoch > kEpochTries) return true;
  for (std::uint64_t epoch = hello_.epoch + 1; epoch <= numbered.newest; ++epoch) {
    OPS_TRY(const AgentProgress progress, host_.acceptor().Progress(numbered.agent_id, epoch));
    if (!progress.runs.empty()) return true;
  }
  return false;
}

// Above every epoch that the agent ever had, also where this side forgot some.
Result<std::uint64_t> ServerSession::NewEpoch() {
  for (int i = 0; i < kEpochTries; ++i) {
    OPS_TRY(const std::uint64_t epoch, host_.authority().NewEpoch(peer_.agent_id));
    if (epoch > hello_.epoch) return epoch;
  }
  return Unavailable(fmt::format("epoch {} of agent {} was never given here; try again",
                                 hello_.epoch, peer_.agent_id));
}

void ServerSession::OnEnrol(const session::Enrol& enrol) {
  hello_.host = enrol.host;
  const Result<Enrolment> enrolment =
      host_.authority().Enrol({.token = enrol.token,
                               .csr_der = enrol.csr_der,
                               .fingerprint = std::string(Bytes(enrol.fingerprint)),
                               .host = enrol.host,
                               .peer = peer_.address});
  if (!enrolment) {
    const bool refused = enrolment.error().code == ErrorCode::kInvalid;
    return End(refused ? ByeCode::kNotEnrolled : ByeCode::kOverloaded, enrolment.error().message);
  }
  ++host_.stats().enrolled;
  OPS_LOG(kInfo, "ingest: {}: host {} enrolled as agent {}", peer_.address, enrol.host,
          enrolment->agent_id);
  Send(session::Enrolled{.agent_id = enrolment->agent_id,
                         .epoch = enrolment->epoch,
                         .certificate_pem = enrolment->certificate_pem,
                         .ca_pem = enrolment->ca_pem});
  End(ByeCode::kNormal, "enrolled");
}

void ServerSession::OnRenew(const session::Renew& renew) {
  const Result<Enrolment> enrolment = host_.authority().Renew(peer_.agent_id, renew.csr_der);
  if (!enrolment) {
    ++host_.stats().renewals_refused;
    OPS_LOG_EVERY(60, kWarn, "ingest: agent {} ({}): certificate not renewed: {}; it asks again",
                  hello_.host, peer_.agent_id, enrolment.error().message);
    return;
  }
  ++host_.stats().renewed;
  Send(session::Enrolled{.agent_id = enrolment->agent_id,
                         .epoch = enrolment->epoch,
                         .certificate_pem = enrolment->certificate_pem,
                         .ca_pem = enrolment->ca_pem});
}

void ServerSession::OnLayout(const session::LayoutBytes& layout) {
  ++host_.stats().layouts;
  const auto added = host_.layouts().Add(layout.frame, host_.options().limits);
  if (added) return;
  // Its batches are then answered "unknown layout", and the agent makes them gaps
  // when sending it again does not help.
  OPS_LOG_EVERY(60, kWarn, "ingest: agent {} ({}): layout refused: {}", hello_.host, peer_.agent_id,
                added.error().message);
}

void ServerSession::OnBatch(const session::Batch& batch) {
  IngestStats& stats = host_.stats();
  ++stats.batches;
  stats.batch_bytes += batch.frame.size();
  if (batch.seq == 0) return End(ByeCode::kProtocolError, "batch 0: numbers begin at 1");
  if (Hash64(batch.frame) != batch.hash) {
    return SendNack(batch.seq, NackCode::kBadBatch, "checksum of the batch is wrong", 0);
  }
  auto decoded = DecodedBatch::Decode(batch.frame, host_.options().limits);
  if (!decoded) return SendNack(batch.seq, NackCode::kBadBatch, decoded.error().message, 0);

  IncomingBatch incoming{.agent_id = peer_.agent_id,
                         .epoch = hello_.epoch,
                         .seq = batch.seq,
                         .hash = batch.hash,
                         .frame = std::string(batch.frame),
                         .decoded = *std::move(decoded)};
  for (const MetricRowsView& rows : incoming.decoded->metrics()) {
    auto layout = host_.layouts().Find(rows.layout);
    if (layout == nullptr) {
      return SendNack(batch.seq, NackCode::kUnknownLayout, ToHex(rows.layout), 0);
    }
    const std::size_t series = layout->series;
    if (rows.values.size() != rows.times.size() * series) {
      return SendNack(batch.seq, NackCode::kBadBatch, "rows do not fit their layout", 0);
    }
    incoming.layouts.push_back(std::move(layout));
  }
  ++inflight_batches_;
  inflight_bytes_ += batch.frame.size();
  host_.Submit(*this, std::move(incoming));
}

void ServerSession::Completed(std::uint64_t seq, std::size_t bytes, const SubmitResult& result) {
  --inflight_batches_;
  inflight_bytes_ -= bytes;
  if (ended()) return;
  switch (result.kind) {
    case SubmitResult::Kind::kStored:
    case SubmitResult::Kind::kDuplicate:
      acks_.push_back(seq);
      return;
    case SubmitResult::Kind::kOutOfOrder:
      return SendNack(seq, NackCode::kOutOfOrder, "too many runs of batches", result.expected);
    case SubmitResult::Kind::kError:
      if (result.error.code == ErrorCode::kInvalid) {
        return SendNack(seq, NackCode::kBadBatch, result.error.message, 0);
      }
      return SendNack(seq, NackCode::kRetry, result.error.message,
                      static_cast<std::uint64_t>(host_.options().retry_ms));
  }
}

void ServerSession::FlushAcks() {
  if (ended() || acks_.empty()) return;
  std::sort(acks_.begin(), acks_.end());
  const std::vector<session::Range> ranges = Ranges(acks_);
  acks_.clear();
  for (std::size_t at = 0; at < ranges.size(); at += session::kRangesMax) {
    const std::size_t end = std::min(at + session::kRangesMax, ranges.size());
    const auto from = ranges.begin() + static_cast<std::ptrdiff_t>(at);
    Send(session::Ack{.ranges = {from, ranges.begin() + static_cast<std::ptrdiff_t>(end)}});
  }
}

void ServerSession::SendNack(std::uint64_t seq, NackCode code, std::string message,
                             std::uint64_t hint) {
  ++host_.stats().nacks[static_cast<std::size_t>(code)];
  OPS_LOG_EVERY(10, kWarn, "ingest: agent {} ({}): batch {}: {}: {}", hello_.host, peer_.agent_id,
                seq, session::ToString(code), message);
  Send(session::Nack{.seq = seq, .code = code, .message = std::move(message), .hint = hint});
}

void ServerSession::Challenge(std::int64_t now_ms) {
  if (ended() || challenge_ != 0) return;
  challenge_ = next_token_++;
  pinged_ms_ = now_ms;
  Send(session::Ping{.token = challenge_});
}

void ServerSession::OnPong(const session::Pong& pong) {
  if (challenge_ == 0 || pong.token != challenge_) return;
  challenge_ = 0;
  host_.Answered(*this);
}

void ServerSession::End(ByeCode code, std::string message) {
  if (ended()) return;
  Send(session::Bye{.code = code, .message = message});
  Finish({.code = code, .by_agent = false, .message = std::move(message)});
}

void ServerSession::Finish(SessionEnd end) {
  if (established()) --host_.stats().sessions;
  if (!end.by_agent && end.code != ByeCode::kNormal) {
    ++host_.stats().refused[static_cast<std::size_t>(end.code)];
  }
  state_ = State::kEnded;
  end.address = peer_.address;
  end.agent_id = peer_.agent_id;
  end.host = hello_.host;
  connection_.CloseAfterWrites();
  host_.Ended(*this, std::move(end));
}

}  // namespace opssight
