// SessionTable is every agent's session of one aggregator, and what they share:
// one session for an identity, one budget of bytes that wait for the store. No
// socket, no timer: a loop (IngestServer) or a simulation drives it.
//
//   table.Open(id, peer, connection, now);   // then Bytes(id, …), Closed(id)
//   table.Tick(now);                         // once a second
//   table.Complete(completions, now);        // what post_ was given, on this thread
//
// One session for an identity: a second one of the same agent waits (claims) until
// the first has ended or failed to answer a Ping for challenge_ms, and until all
// that was handed to the store for that agent has been answered. Without the last,
// a batch of an agent's older history could be committed after the Welcome that
// did not know it, and pass for a newer one with its number.
//
// One thread, but for the done calls of the store, which only call `post`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aggregator/ingest/server_session.h"
#include "common/base/clock.h"

namespace opssight {

// What the store answered for one batch.
struct Completion {
  std::uint64_t session = 0;
  std::string agent_id;
  std::uint64_t seq = 0;
  std::size_t bytes = 0;
  SubmitResult result;
};

// What an agent's batch says of its scrape targets, once the batch was taken in; it may come
// again, as batches do, and before it is durable.
using TargetsTold = std::function<void(const std::string& agent_id, std::int64_t created_ms,
                                       const std::shared_ptr<const TargetsSnapshot>& targets)>;

class SessionTable final : public SessionHost {
 public:
  struct Parts {
    BatchAcceptor& acceptor;
    EnrolAuthority& authority;
    LayoutRegistry& layouts;
    IngestStats& stats;
    const Clock& clock;
    // Called on any thread, also from within Submit: brings the completion to
    // Complete() on the table's thread. Outlives the last done call of the store.
    std::function<void(Completion)> post;
    std::function<void(const SessionEnd&)> on_end;  // May be empty.
    TargetsTold on_targets = {};                    // May be empty.
  };

  SessionTable(SessionOptions options, Parts parts);
  ~SessionTable() override;

  // id is new; connection lives until Closed(id).
  void Open(std::uint64_t id, SessionPeer peer, SessionLink& connection, std::int64_t now_ms);
  void Bytes(std::uint64_t id, std::string_view bytes, std::int64_t now_ms);
  void Closed(std::uint64_t id, const std::string& why, std::int64_t now_ms);
  void Tick(std::int64_t now_ms);
  void Complete(std::vector<Completion> completions, std::int64_t now_ms);
  // Says Bye to all (a restart: they come back at once).
  void EndAll(const std::string& message);

  std::size_t size() const { return sessions_.size(); }
  // Batches that the store has not answered.
  std::uint64_t inflight_batches() const { return inflight_batches_; }

  // ---- SessionHost
  const SessionOptions& options() const override { return options_; }
  BatchAcceptor& acceptor() override { return parts_.acceptor; }
  EnrolAuthority& authority() override { return parts_.authority; }
  LayoutRegistry& layouts() override { return parts_.layouts; }
  IngestStats& stats() override { return parts_.stats; }
  std::int64_t wall_ms() const override { return parts_.clock.WallMs(); }
  void Claim(ServerSession& session) override;
  void Answered(ServerSession& session) override;
  void Ended(ServerSession& session, SessionEnd end) override;
  void Submit(ServerSession& session, IncomingBatch batch) override;
  bool Overfull() const override { return inflight_bytes_ >= options_.inflight_bytes_max; }

 private:
  struct Agent {
    std::uint64_t live = 0;      // The session that holds the claim; 0: none.
    bool admitted = false;       // live was.
    std::uint64_t newcomer = 0;  // Waits for live to show that it is dead.
    std::int64_t challenge_due_ms = 0;
    std::uint64_t inflight = 0;  // Batches of any session of it at the store.
  };

  ServerSession* Find(std::uint64_t id);
  void Release(const ServerSession& session);
  // Admits whom the claim is free for; forgets agents of whom nothing is left.
  void Settle(const std::string& agent_id);
  void TellEnd(const SessionEnd& end);

  const SessionOptions options_;
  const Parts parts_;
  std::unordered_map<std::uint64_t, std::unique_ptr<ServerSession>> sessions_;
  std::unordered_map<std::string, Agent> agents_;
  std::vector<std::string> unsettled_;  // Agents to Settle() once nothing is on the stack.
  std::int64_t now_ms_ = 0;             // Of the call under way.
  std::uint64_t inflight_batches_ = 0;
  std::size_t inflight_bytes_ = 0;
  std::size_t partial_bytes_ = 0;  // Sum of buffered_bytes().

  void SettleAll();
};

}  // namespace opssight
