#include "aggregator/ingest/session_table.h"

#include <fmt/core.h>

#include "common/base/check.h"
#include "common/base/log.h"

namespace opssight {
namespace {

using session::ByeCode;

// A session with less than this unread is not the one that fills the memory.
constexpr std::size_t kLargePartialBytes = 256UL << 10;

}  // namespace

SessionTable::SessionTable(SessionOptions options, Parts parts)
    : options_(options), parts_(std::move(parts)) {}

SessionTable::~SessionTable() {
  for (const auto& [id, session] : sessions_) {
    if (session->established()) --parts_.stats.sessions;
  }
}

ServerSession* SessionTable::Find(std::uint64_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void SessionTable::Open(std::uint64_t id, SessionPeer peer, SessionLink& connection,
                        std::int64_t now_ms) {
  ++parts_.stats.connections;
  auto session = std::make_unique<ServerSession>(id, std::move(peer), connection, *this, now_ms);
  const bool added = sessions_.emplace(id, std::move(session)).second;
  OPS_CHECK(added && id != 0, "ingest: connection {} is there already", id);
}

void SessionTable::Bytes(std::uint64_t id, std::string_view bytes, std::int64_t now_ms) {
  ServerSession* session = Find(id);
  if (session == nullptr) return;
  now_ms_ = now_ms;
  const std::size_t before = session->buffered_bytes();
  session->OnBytes(bytes, now_ms);
  partial_bytes_ += session->buffered_bytes();
  partial_bytes_ -= before;
  if (partial_bytes_ > options_.partial_bytes_max &&
      session->buffered_bytes() > kLargePartialBytes) {
    session->End(ByeCode::kOverloaded, "too many large frames at once; try again later");
  }
  SettleAll();
}

void SessionTable::Closed(std::uint64_t id, const std::string& why, std::int64_t now_ms) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  now_ms_ = now_ms;
  const std::unique_ptr<ServerSession> session = std::move(found->second);
  sessions_.erase(found);
  partial_bytes_ -= session->buffered_bytes();
  if (!session->ended()) {
    if (session->established()) --parts_.stats.sessions;
    TellEnd({.code = ByeCode::kNormal,
             .by_agent = true,
             .message = why,
             .address = session->peer().address,
             .agent_id = session->peer().agent_id,
             .host = session->host()});
    Release(*session);
  }
  SettleAll();
}

void SessionTable::Tick(std::int64_t now_ms) {
  now_ms_ = now_ms;
  for (const auto& [id, session] : sessions_) session->OnTick(now_ms);
  for (auto& [agent_id, agent] : agents_) {
    if (agent.newcomer == 0 || now_ms < agent.challenge_due_ms) continue;
    ServerSession* old = Find(agent.live);
    if (old == nullptr || old->ended()) continue;
    ++parts_.stats.replaced;
    old->End(ByeCode::kNormal, "replaced by a newer connection");  // Releases: see Ended().
  }
  SettleAll();
}

void SessionTable::EndAll(const std::string& message) {
  for (auto& [agent_id, agent] : agents_) agent.newcomer = 0;
  for (const auto& [id, session] : sessions_) session->End(ByeCode::kNormal, message);
  SettleAll();
}

void SessionTable::Claim(ServerSession& session) {
  Agent& agent = agents_[session.peer().agent_id];
  if (agent.live == 0) {
    agent.live = session.id();
    agent.admitted = false;
    unsettled_.push_back(session.peer().agent_id);
    return;
  }
  if (agent.newcomer != 0) {
    return session.End(ByeCode::kOverloaded,
                       "another connection of this agent is being checked; try again");
  }
  ServerSession* old = Find(agent.live);
  OPS_CHECK(old != nullptr, "ingest: agent {}'s session is gone", session.peer().agent_id);
  agent.newcomer = session.id();
  agent.challenge_due_ms = now_ms_ + options_.challenge_ms;
  old->Challenge(now_ms_);
}

void SessionTable::Answered(ServerSession& session) {
  const auto found = agents_.find(session.peer().agent_id);
  if (found == agents_.end() || found->second.live != session.id()) return;
  ServerSession* newcomer = Find(std::exchange(found->second.newcomer, 0));
  if (newcomer == nullptr) return;
  newcomer->End(ByeCode::kClone,
                fmt::format("agent {} is connected from {} (host {}) and answers there; two hosts "
                            "use one identity: enrol this one with its own",
                            session.peer().agent_id, session.peer().address, session.host()));
}

void SessionTable::Ended(ServerSession& session, SessionEnd end) {
  TellEnd(end);
  Release(session);
}

void SessionTable::TellEnd(const SessionEnd& end) {
  if (end.by_agent || end.code == ByeCode::kNormal) {
    OPS_LOG(kDebug, "ingest: {}: agent {} ({}): connection ends: {}", end.address, end.host,
            end.agent_id, end.message);
  } else {
    OPS_LOG_EVERY(10, kWarn, "ingest: {}: agent {} ({}): refused: {}: {}", end.address, end.host,
                  end.agent_id, ToString(end.code), end.message);
  }
  if (parts_.on_end) parts_.on_end(end);
}

void SessionTable::Release(const ServerSession& session) {
  const auto found = agents_.find(session.peer().agent_id);
  if (found == agents_.end()) return;
  Agent& agent = found->second;
  if (agent.newcomer == session.id()) agent.newcomer = 0;
  if (agent.live == session.id()) {
    agent.live = std::exchange(agent.newcomer, 0);
    agent.admitted = false;
    unsettled_.push_back(session.peer().agent_id);
  }
}

void SessionTable::SettleAll() {
  while (!unsettled_.empty()) {
    const std::string agent_id = std::move(unsettled_.back());
    unsettled_.pop_back();
    Settle(agent_id);
  }
}

void SessionTable::Settle(const std::string& agent_id) {
  const auto found = agents_.find(agent_id);
  if (found == agents_.end() || found->second.inflight != 0) return;
  Agent& agent = found->second;
  if (agent.live == 0) {
    agents_.erase(found);
  } else if (!agent.admitted) {
    agent.admitted = true;
    Find(agent.live)->Admit(now_ms_);
  }
}

void SessionTable::Submit(ServerSession& session, IncomingBatch batch) {
  if (parts_.on_targets && batch.decoded->targets() != nullptr) {
    parts_.on_targets(batch.agent_id, batch.decoded->created_ms(), batch.decoded->targets());
  }
  ++agents_[batch.agent_id].inflight;
  ++inflight_batches_;
  inflight_bytes_ += batch.frame.size();
  parts_.stats.inflight_bytes = static_cast<std::int64_t>(inflight_bytes_);
  Completion completion{.session = session.id(),
                        .agent_id = batch.agent_id,
                        .seq = batch.seq,
                        .bytes = batch.frame.size()};
  parts_.acceptor.Submit(std::move(batch), [post = parts_.post, completion = std::move(completion)](
                                               SubmitResult result) mutable {
    completion.result = std::move(result);
    post(std::move(completion));
  });
}

void SessionTable::Complete(std::vector<Completion> completions, std::int64_t now_ms) {
  now_ms_ = now_ms;
  const bool was_overfull = Overfull();
  std::vector<std::uint64_t> touched;
  for (const Completion& completion : completions) {
    --inflight_batches_;
    inflight_bytes_ -= completion.bytes;
    if (completion.result.kind == SubmitResult::Kind::kStored) ++parts_.stats.stored;
    if (completion.result.kind == SubmitResult::Kind::kDuplicate) ++parts_.stats.duplicates;
    Agent& agent = agents_[completion.agent_id];
    if (--agent.inflight == 0) unsettled_.push_back(completion.agent_id);
    if (ServerSession* session = Find(completion.session)) {
      session->Completed(completion.seq, completion.bytes, completion.result);
      touched.push_back(completion.session);
    }
  }
  parts_.stats.inflight_bytes = static_cast<std::int64_t>(inflight_bytes_);
  const bool all = was_overfull && !Overfull();
  if (all) {
    touched.clear();
    for (const auto& [id, session] : sessions_) touched.push_back(id);
  }
  for (const std::uint64_t id : touched) {
    ServerSession* session = Find(id);
    if (session == nullptr) continue;
    session->FlushAcks();
    const std::size_t before = session->buffered_bytes();
    session->Unblock(now_ms);
    partial_bytes_ += session->buffered_bytes();
    partial_bytes_ -= before;
  }
  SettleAll();
}

}  // namespace opssight
