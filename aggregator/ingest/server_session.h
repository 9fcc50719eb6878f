// ServerSession is the aggregator's end of one agent's connection, without the
// connection: bytes and the time go in, bytes come out through SessionLink. What it
// shares with the other sessions (who is the one session of an agent, how much
// waits for the store) it asks of its SessionHost; SessionTable is that.
//
//   greeting -> (Enrol: answered, closed)
//            -> Hello: who is it? -> claiming: the one session of this agent?
//            -> Welcome -> established: batches to the store, Ack after its commit
//            -> Welcome with a new epoch -> rebasing: the agent says Bye and comes again
//
// One thread (the ingest loop's). Batches are checked and decoded here: 11 us for 500
// series, 0.14 ms for 256 KiB of log lines (session_bench), so 1,000 agents that send
// the first each second take 1 % of a core and threads would buy nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/enrol/authority.h"
#include "aggregator/ingest/ingest_stats.h"
#include "aggregator/ingest/layout_registry.h"
#include "aggregator/ingest/peer.h"
#include "aggregator/store/acceptor.h"
#include "common/codec/batch/batch.h"
#include "common/codec/session/frames.h"

namespace opssight {

struct SessionOptions {
  // Granted to each agent: batches and bytes sent and not acknowledged.
  std::uint32_t window_batches = 64;
  std::uint32_t window_bytes = 4U << 20;
  std::size_t frame_bytes_max = session::kFrameBytesMax;
  // Over all sessions. Above: reading stops until the store has caught up.
  std::size_t inflight_bytes_max = 256UL << 20;
  // Over all sessions, of frames that are not complete. Above: the session that adds
  // to a large one is sent away (Bye 7).
  std::size_t partial_bytes_max = 256UL << 20;
  std::int64_t greeting_ms = 10'000;  // From connect to Hello or Enrol.
  std::int64_t ping_after_ms = 15'000;
  std::int64_t dead_after_ms = 45'000;
  std::int64_t challenge_ms = 5'000;  // For an old session to show that it lives.
  std::int64_t recheck_ms = 60'000;   // Revoking ends a live session within this.
  std::int64_t retry_ms = 1'000;      // What an agent waits when the store says not now.
  BatchLimits limits;
};

// A connection, as a session sees it. None of these calls back into the session.
class SessionLink {
 public:
  virtual ~SessionLink() = default;
  virtual void Write(std::string bytes) = 0;
  virtual void Pause() = 0;  // No more bytes until Resume.
  virtual void Resume() = 0;
  virtual void CloseAfterWrites() = 0;  // Ends it; the owner then says Closed.
};

// How a session ended, for the log, events and tests.
struct SessionEnd {
  session::ByeCode code = session::ByeCode::kNormal;
  bool by_agent = false;
  std::string message;
  std::string address;
  std::string agent_id;  // "" where it was not proven.
  std::string host;      // As the agent says.
};

class ServerSession;

// What sessions share.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual const SessionOptions& options() const = 0;
  virtual BatchAcceptor& acceptor() = 0;
  virtual EnrolAuthority& authority() = 0;
  virtual LayoutRegistry& layouts() = 0;
  virtual IngestStats& stats() = 0;
  virtual std::int64_t wall_ms() const = 0;

  // session wants to be the one of its agent: Admit() or End() is called, now or
  // later.
  virtual void Claim(ServerSession& session) = 0;
  // A challenged session has shown that it lives.
  virtual void Answered(ServerSession& session) = 0;
  // It has ended, as end() says: no more calls for it but Closed.
  virtual void Ended(ServerSession& session, SessionEnd end) = 0;
  // Hands the batch on; Completed() comes later, never from within.
  virtual void Submit(ServerSession& session, IncomingBatch batch) = 0;
  // Too much waits for the store; Unblock() comes when less does.
  virtual bool Overfull() const = 0;
};

class ServerSession {
 public:
  ServerSession(std::uint64_t id, SessionPeer peer, SessionLink& connection, SessionHost& host,
                std::int64_t now_ms);
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  void OnBytes(std::string_view bytes, std::int64_t now_ms);
  // Once a second: silence, greetings that do not come.
  void OnTick(std::int64_t now_ms);

  // ---- for the host
  void Admit(std::int64_t now_ms);      // The claim is granted.
  void Challenge(std::int64_t now_ms);  // Ping it: Answered() if the Pong comes.
  void Completed(std::uint64_t seq, std::size_t bytes, const SubmitResult& result);
  void FlushAcks();                   // After a round of Completed.
  void Unblock(std::int64_t now_ms);  // Read on, if it may.
  // Says Bye and ends.
  void End(session::ByeCode code, std::string message);

  std::uint64_t id() const { return id_; }
  const SessionPeer& peer() const { return peer_; }
  const std::string& host() const { return hello_.host; }
  std::size_t buffered_bytes() const { return reader_.buffered_bytes(); }
  bool established() const { return state_ == State::kEstablished; }
  bool ended() const { return state_ == State::kEnded; }
  bool blocked() const { return blocked_; }

 private:
  enum class State : std::uint8_t { kGreeting, kClaiming, kRebasing, kEstablished, kEnded };

  void ReadFrames(std::int64_t now_ms);
  void OnFrame(const session::Frame& frame);
  void OnGreeting(const session::Frame& frame);
  void OnHello(const session::Hello& hello);
  void OnEnrol(const session::Enrol& enrol);
  void OnRenew(const session::Renew& renew);
  void OnLayout(const session::LayoutBytes& layout);
  void OnBatch(const session::Batch& batch);
  void OnPong(const session::Pong& pong);
  bool RefuseCertificate();
  bool CheckIdentity(std::uint64_t* epoch);
  // Whose numbers the agent's spool has, and the newest epoch of that one; agent_id is empty
  // where it is nobody who is known here.
  struct Numbered {
    std::string agent_id;
    std::uint64_t newest = 0;
  };
  Numbered NumberedFor(std::uint64_t newest) const;
  Result<bool> UsedSince(const Numbered& numbered);
  Result<std::uint64_t> NewEpoch();
  void SendNack(std::uint64_t seq, session::NackCode code, std::string message, std::uint64_t hint);
  void Send(const session::Frame& frame) { connection_.Write(session::Encode(frame)); }
  bool MustBlock() const;
  void Finish(SessionEnd end);

  const std::uint64_t id_;
  const SessionPeer peer_;
  SessionLink& connection_;
  SessionHost& host_;
  State state_ = State::kGreeting;
  session::FrameReader reader_{session::kGreetingBytesMax};
  session::Hello hello_;
  const std::int64_t opened_ms_;
  std::int64_t heard_ms_;        // A frame came.
  std::int64_t checked_ms_;      // The identity was looked up.
  std::int64_t pinged_ms_ = 0;   // 0: not since heard_ms_.
  std::uint64_t challenge_ = 0;  // The token that proves life; 0: none asked.
  std::uint64_t next_token_ = 1;
  bool blocked_ = false;  // Reading is paused.
  std::uint32_t inflight_batches_ = 0;
  std::size_t inflight_bytes_ = 0;
  std::vector<std::uint64_t> acks_;
};

}  // namespace opssight
