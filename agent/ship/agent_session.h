// AgentSession is the agent's end of the connection to its aggregator, without the
// connection: bytes and the time go in, bytes come out. One object for the life of
// the agent; connections come and go.
//
//   session.Opened(now);                          // says Hello
//   session.OnBytes(bytes, now);
//   stream.Write(session.Produce(now, stream.pending_bytes()));   // after each call
//   if (auto end = session.TakeEnd()) …close, and come again as end says…
//   session.Closed();
//
// Lanes. After an outage fresh batches are sent at once, and beside them the backlog,
// oldest first, at no more than backlog_bytes_per_s and within three quarters of the
// window. With few batches waiting, or many runs at the aggregator, there is one lane.
//
// Memory: a batch is read from the spool when it can be written out, and not kept;
// at most about unsent_bytes_max (or one batch) is in memory.
// One thread: the loop's, as SpoolView. Nothing is lost here: what was not
// acknowledged is in the spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/ship/seq_set.h"
#include "agent/ship/ship_stats.h"
#include "agent/spool/spool_view.h"
#include "common/codec/session/frames.h"

namespace opssight {

struct AgentSessionOptions {
  std::string agent_id;  // As in the certificate.
  std::string host;
  std::string agent_version;
  session::Fingerprint fingerprint{};
  std::size_t unsent_bytes_max = 512UL << 10;     // Written, not taken by the kernel.
  std::size_t read_bytes_max = 256UL << 10;       // Read from the spool at once.
  std::uint64_t backlog_bytes_per_s = 8UL << 20;  // 0: no limit.
  std::uint64_t backlog_batches_min = 16;         // More than these waiting: two lanes.
  std::size_t runs_max = 8;                       // So many at the aggregator: no new one.
  std::size_t frame_bytes_max = 1UL << 20;        // Of what the aggregator sends.
  std::size_t layouts_max = 4096;                 // Remembered as sent; then sent again.
  std::int64_t ping_after_ms = 15'000;
  std::int64_t dead_after_ms = 45'000;
};

class AgentSession {
 public:
  // How a connection ended, and when to come again.
  struct End {
    enum class Retry : std::uint8_t {
      kAtOnce,   // A restart, or a new epoch.
      kBackOff,  // Longer each time.
      kLong,     // Someone has to do something first: the longest pause.
    };
    Retry retry = Retry::kBackOff;
    session::ByeCode code = session::ByeCode::kNormal;
    bool by_aggregator = false;
    std::string message;
  };

  AgentSession(AgentSessionOptions options, SpoolView& spool, ShipStats& stats);
  ~AgentSession();
  AgentSession(const AgentSession&) = delete;
  AgentSession& operator=(const AgentSession&) = delete;

  void Opened(std::int64_t now_ms);
  void OnBytes(std::string_view bytes, std::int64_t now_ms);
  void Tick(std::int64_t now_ms);  // At NextDue(), or earlier.
  void Closed();                   // The connection is gone, whoever ended it.

  // What to write now, given what the connection still holds of earlier bytes.
  std::string Produce(std::int64_t now_ms, std::size_t unsent_bytes);
  // When to call Tick and Produce again if nothing else happens.
  std::int64_t NextDue(std::int64_t now_ms) const;
  // Once the session is over: write what Produce has, then close.
  std::optional<End> TakeEnd();

  // Says Bye (a stop, or to come again with other certificates).
  void Leave(std::string message);
  // Asks for a new certificate; false when there is no session to ask in, or one is
  // asked for already (the answer is for that key).
  bool Renew(std::string csr_der);
  bool may_renew() const { return established() && !renewing_; }
  // What came of it.
  std::optional<session::Enrolled> TakeRenewed();

  bool established() const { return state_ == State::kEstablished; }
  // The spool is going over to a new epoch: connect once it is done.
  bool rebasing() const { return rebasing_; }
  std::size_t inflight_batches() const { return inflight_.size(); }
  bool two_lanes() const { return established() && backlog_ < fresh_start_; }

 private:
  enum class State : std::uint8_t { kClosed, kHello, kEstablished, kEnded };
  struct Sent {
    std::size_t bytes = 0;
    bool backlog = false;
  };
  // What may be read now: the cursor to move, numbers below end, bytes at most.
  struct Lane {
    std::uint64_t* cursor = nullptr;
    std::uint64_t end = 0;
    std::size_t bytes = 0;
    bool backlog = false;
  };

  void OnFrame(const session::Frame& frame, std::int64_t now_ms);
  void OnWelcome(const session::Welcome& welcome, std::int64_t now_ms);
  void OnAck(const session::Ack& ack);
  void OnNack(const session::Nack& nack, std::int64_t now_ms);
  void OnBye(const session::Bye& bye);
  // Why the numbers here and there do not tell one story; "": they do.
  std::string Fork(const session::Welcome& welcome) const;
  void Rebase(const session::Welcome& welcome);
  std::vector<SeqRange> StoredHere(const session::Welcome& welcome, std::uint64_t through);
  void SetUpLanes(const session::Welcome& welcome, std::int64_t now_ms);
  // A batch whose bytes cannot be sent becomes gap records; sent when it has.
  void Replace(std::uint64_t seq, std::string reason);

  void ProduceBatches(std::int64_t now_ms, std::size_t unsent_bytes);
  std::optional<Lane> PickLane();
  bool SendFrom(const Lane& lane, std::int64_t now_ms);
  bool SendAgain(std::int64_t now_ms);
  void SendBatch(const SpooledBatch& batch, bool backlog);
  bool SendLayouts(const SpooledBatch& batch);
  bool WindowHas(std::size_t bytes) const;
  void RefillTokens(std::int64_t now_ms);
  void OnReadError(const Error& error, std::uint64_t damaged, std::int64_t now_ms);
  void Finish(End end);
  void Put(const session::Frame& frame) { out_ += session::Encode(frame); }

  const AgentSessionOptions options_;
  SpoolView& spool_;
  ShipStats& stats_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For the spool's done calls.

  State state_ = State::kClosed;
  bool ask_epoch_ = false;  // The next Hello asks for a new one.
  bool moved_ = false;      // The spool's numbers are of another agent: this host before.
  bool rebasing_ = false;
  std::uint64_t connection_ = 0;  // Counts connections: a done call of an old one is none of ours.
  std::optional<End> end_;
  std::string out_;
  session::FrameReader reader_;
  std::int64_t now_ms_ = 0;  // Of the last call.
  std::int64_t heard_ms_ = 0;
  std::int64_t pinged_ms_ = 0;  // 0: not since heard_ms_.
  std::uint64_t next_token_ = 1;
  bool renewing_ = false;
  std::optional<session::Enrolled> renewed_;

  // Of the session under way.
  std::uint64_t hello_next_ = 0;  // next_seq when Hello was said.
  std::uint64_t epoch_ = 0;
  std::uint32_t window_batches_ = 0;
  std::uint32_t window_bytes_ = 0;
  SeqSet stored_;  // Known to be durable at the aggregator.
  std::map<std::uint64_t, Sent> inflight_;
  std::size_t inflight_bytes_ = 0;
  std::size_t backlog_bytes_ = 0;  // Of inflight_.
  std::size_t backlog_inflight_ = 0;
  std::set<std::uint64_t> again_;         // To be sent again.
  std::set<std::uint64_t> replacing_;     // Wait for the spool.
  std::map<std::uint64_t, int> strikes_;  // How often a batch was refused for its bytes.
  std::unordered_set<LayoutId> layouts_sent_;
  std::uint64_t fresh_ = 0;    // Next of the fresh lane.
  std::uint64_t backlog_ = 0;  // Next of the backlog lane, while below fresh_start_.
  std::uint64_t fresh_start_ = 0;
  std::int64_t pause_until_ms_ = 0;  // The aggregator, or the spool, said not now.
  std::int64_t again_after_ms_ = 0;
  double tokens_ = 0;  // Bytes the backlog may send.
  std::int64_t refilled_ms_ = 0;
};

}  // namespace opssight
