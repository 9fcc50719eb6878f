#include "agent/ship/agent_session.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/bytes/hash.h"

namespace opssight {
namespace {

using session::ByeCode;
using session::NackCode;
using ::testing::HasSubstr;
using Retry = AgentSession::End::Retry;

// Batches of one size; what the session asks of it is written down.
class FakeSpool final : public SpoolView {
 public:
  static std::string FrameOf(std::uint64_t seq, std::size_t bytes) {
    std::string frame = std::to_string(seq);
    frame.resize(bytes, '.');
    return frame;
  }
  void Append(std::size_t count, std::size_t bytes = 100) {
    for (; count > 0; --count, ++next) frames[next] = FrameOf(next, bytes);
  }

  std::uint64_t epoch() const override { return 7; }
  std::string agent_id() const override { return agent; }
  bool wants_epoch() const override { return false; }
  std::uint64_t next_seq() const override { return next; }
  std::vector<SeqRange> Ranges() const override {
    std::vector<SeqRange> ranges;
    for (const auto& [seq, frame] : frames) {
      if (!ranges.empty() && ranges.back().last + 1 == seq) {
        ranges.back().last = seq;
      } else {
        ranges.push_back({.first = seq, .last = seq});
      }
    }
    return ranges;
  }
  Totals totals() const override { return {.batches = frames.size()}; }
  Result<std::vector<SpooledBatch>> ReadFrom(std::uint64_t seq, std::size_t bytes_max,
                                             std::uint64_t* damaged) const override {
    if (busy) return Unavailable("spool: batch is being dropped");
    std::vector<SpooledBatch> batches;
    std::size_t bytes = 0;
    for (auto it = frames.lower_bound(seq); it != frames.end(); ++it) {
      if (it->first == damaged_seq) {
        if (!batches.empty()) break;
        *damaged = it->first;
        return Corrupt("spool: batch: checksum is wrong");
      }
      bytes += it->second.size();
      if (!batches.empty() && bytes > bytes_max) break;
      batches.push_back({.seq = it->first, .hash = Hash64(it->second), .frame = it->second});
      if (with_layout) batches.back().layouts = {{.high = 1, .low = 2}};
    }
    return batches;
  }
  Result<std::string> ReadLayout(const LayoutId& /*id*/) const override { return "<layout>"; }
  std::optional<bool> HadHash(std::uint64_t seq, std::uint64_t hash) const override {
    const auto found = frames.find(seq);
    if (found == frames.end()) return std::nullopt;
    return Hash64(found->second) == hash;
  }
  void Remove(std::vector<SeqRange> acked) override {
    for (const SeqRange& range : acked) {
      log += fmt::format("remove {}-{} ", range.first, range.last);
      frames.erase(frames.lower_bound(range.first), frames.upper_bound(range.last));
    }
  }
  void Replace(std::uint64_t seq, std::string reason, Done done) override {
    log += fmt::format("replace {} {} ", seq, reason);
    frames[seq] = "tombstone";
    if (damaged_seq == seq) damaged_seq = 0;
    done({});
  }
  void Rebase(RebaseOrder order, Done done) override {
    if (!order.agent_id.empty()) log += order.agent_id + ": ";
    for (const StoredRun& run : order.stored) log += fmt::format("{}-{} ", run.first, run.last);
    log += fmt::format("rebase to {} proven {} sure {} lost {}", order.new_epoch,
                       order.proven_through, order.sure_from, order.lost);
    rebase_done = std::move(done);
  }

  std::map<std::uint64_t, std::string> frames;
  std::string agent;
  std::uint64_t next = 1;
  std::uint64_t damaged_seq = 0;
  bool with_layout = false;
  bool busy = false;
  std::string log;
  Done rebase_done;
};

class AgentSessionTest : public testing::Test {
 protected:
  void Start() {
    session_ = std::make_unique<AgentSession>(options_, spool_, stats_);
    session_->Opened(now_ms_);
    reader_ = session::FrameReader(session::kFrameBytesMax);
    EXPECT_EQ(Sent(), "Hello ");
  }
  void Welcome(std::vector<session::Run> runs = {}, std::uint64_t epoch = 7) {
    Get(session::Welcome{.epoch = epoch,
                         .window_batches = window_batches_,
                         .window_bytes = window_bytes_,
                         .runs = std::move(runs)});
  }
  void Get(const session::Frame& frame) { session_->OnBytes(session::Encode(frame), now_ms_); }
  // What goes out now: batches by their number, others by name.
  std::string Sent(std::size_t unsent_bytes = 0) {
    reader_.Feed(session_->Produce(now_ms_, unsent_bytes));
    std::string text;
    for (;;) {
      const auto frame = reader_.Next();
      EXPECT_TRUE(frame.has_value());
      if (!frame || !frame->has_value()) return text;
      if (const auto* batch = std::get_if<session::Batch>(&**frame)) {
        text += fmt::format("{} ", batch->seq);
      } else {
        text += fmt::format("{} ", session::NameOf(**frame));
      }
    }
  }
  session::Run RunTo(std::uint64_t last) const {
    return {.first = 1, .last = last, .last_hash = Hash64(spool_.frames.at(last))};
  }

  AgentSessionOptions options_;
  FakeSpool spool_;
  ShipStats stats_;
  std::unique_ptr<AgentSession> session_;
  session::FrameReader reader_{session::kFrameBytesMax};
  std::int64_t now_ms_ = 1'000;
  std::uint32_t window_batches_ = 64;
  std::uint32_t window_bytes_ = 4 << 20;
};

TEST_F(AgentSessionTest, SendsWhatWaitsAndForgetsItWhenAcknowledged) {
  spool_.Append(3);
  Start();
  EXPECT_EQ(Sent(), "");
  Welcome();
  EXPECT_EQ(Sent(), "1 2 3 ");
  spool_.Append(1);
  EXPECT_EQ(Sent(), "4 ");
  Get(session::Ack{.ranges = {{.first = 1, .last = 3}}});
  EXPECT_EQ(spool_.log, "remove 1-3 ");
  EXPECT_EQ(session_->inflight_batches(), 1U);
  Get(session::Ack{.ranges = {{.first = 1, .last = 1'000}}});  // Only what was sent counts.
  EXPECT_EQ(spool_.log, "remove 1-3 remove 4-4 ");
}

TEST_F(AgentSessionTest, PassesOverWhatTheAggregatorHas) {
  spool_.Append(5);
  Start();
  Welcome({RunTo(3)});
  EXPECT_EQ(Sent(), "4 5 ");
  EXPECT_EQ(spool_.log, "remove 1-3 ");
  EXPECT_EQ(stats_.present.load(), 3U);
}

TEST_F(AgentSessionTest, KeepsToTheWindowAndToItsMemory) {
  window_batches_ = 4;
  spool_.Append(9);
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "1 2 3 4 ");
  EXPECT_EQ(Sent(), "");
  Get(session::Ack{.ranges = {{.first = 1, .last = 2}}});
  EXPECT_EQ(Sent(options_.unsent_bytes_max), "");  // The socket is full.
  EXPECT_EQ(Sent(), "5 6 ");
}

// The spool, at its cap, is just dropping the oldest: nothing behind it may be passed over.
TEST_F(AgentSessionTest, ASpoolThatIsBusyIsAskedAgain) {
  options_.backlog_bytes_per_s = 0;
  spool_.Append(40);
  Start();
  Welcome();
  spool_.busy = true;
  EXPECT_EQ(Sent(), "");
  spool_.busy = false;
  now_ms_ = session_->NextDue(now_ms_);
  EXPECT_LE(now_ms_, 1'100);
  std::string sent = Sent();
  while (session_->inflight_batches() != 0) {
    Get(session::Ack{.ranges = {{.first = 1, .last = 40}}});
    sent += Sent();
  }
  EXPECT_EQ(stats_.acked.load(), 40U);
  EXPECT_TRUE(spool_.frames.empty()) << sent;
  EXPECT_EQ(stats_.read_errors.load(), 0U);
}

TEST_F(AgentSessionTest, ABatchLargerThanTheWindowGoesAlone) {
  window_bytes_ = 1'000;
  spool_.Append(1);
  spool_.Append(1, 5'000);
  spool_.Append(1);
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "1 ");
  Get(session::Ack{.ranges = {{.first = 1, .last = 1}}});
  EXPECT_EQ(Sent(), "2 ");
  Get(session::Ack{.ranges = {{.first = 2, .last = 2}}});
  EXPECT_EQ(Sent(), "3 ");
}

TEST_F(AgentSessionTest, AfterAnOutageFreshBatchesGoFirstAndTheBacklogAtItsRate) {
  options_.backlog_bytes_per_s = 1'000;
  options_.read_bytes_max = 100;
  spool_.Append(100);
  Start();
  Welcome();
  EXPECT_TRUE(session_->two_lanes());
  EXPECT_EQ(Sent(), "100 ");  // The newest; no tokens for the backlog yet.
  now_ms_ += 200;
  spool_.Append(1);
  EXPECT_EQ(Sent(), "101 1 2 ");
  EXPECT_EQ(session_->NextDue(now_ms_), now_ms_ + 50);
  now_ms_ += 300;
  EXPECT_EQ(Sent(), "3 4 5 ");
  EXPECT_EQ(stats_.backlog_sent.load(), 5U);
}

TEST_F(AgentSessionTest, TheBacklogLeavesAQuarterOfTheWindow) {
  options_.backlog_bytes_per_s = 0;
  options_.read_bytes_max = 100;
  window_batches_ = 8;
  spool_.Append(100);
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "100 1 2 3 4 5 6 ");
  spool_.Append(1);
  EXPECT_EQ(Sent(), "101 ");
}

TEST_F(AgentSessionTest, LanesMeet) {
  options_.backlog_bytes_per_s = 0;
  options_.backlog_batches_min = 2;
  spool_.Append(6);
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "6 1 2 3 4 5 ");
  EXPECT_FALSE(session_->two_lanes());
}

TEST_F(AgentSessionTest, OpensNoFurtherRunWhereThereAreMany) {
  spool_.Append(100);
  std::vector<session::Run> runs;
  for (std::uint64_t seq = 2; seq <= 16; seq += 2) {
    runs.push_back({.first = seq, .last = seq, .last_hash = Hash64(spool_.frames.at(seq))});
  }
  Start();
  Welcome(runs);
  EXPECT_THAT(Sent(), testing::StartsWith("17 18 "));  // Goes on where the newest run ends.
}

TEST_F(AgentSessionTest, SendsALayoutOncePerConnection) {
  spool_.with_layout = true;
  spool_.Append(2);
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "Layout 1 2 ");
  Get(session::Nack{.seq = 2, .code = NackCode::kUnknownLayout});
  EXPECT_EQ(Sent(), "Layout 2 ");
  session_->Opened(now_ms_);
  Sent();
  Welcome({RunTo(1)});
  EXPECT_EQ(Sent(), "Layout 2 ");
}

TEST_F(AgentSessionTest, WaitsWhenTheStoreIsFull) {
  spool_.Append(2);
  Start();
  Welcome();
  Sent();
  Get(session::Nack{.seq = 1, .code = NackCode::kRetry, .message = "full", .hint = 1'000});
  spool_.Append(1);
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(session_->NextDue(now_ms_), now_ms_ + 1'000);
  now_ms_ += 1'000;
  EXPECT_EQ(Sent(), "1 3 ");
}

TEST_F(AgentSessionTest, MakesGapsOfWhatIsRefusedOrDamaged) {
  spool_.Append(3);
  spool_.damaged_seq = 2;
  Start();
  Welcome();
  EXPECT_EQ(Sent(), "1 2 3 ");
  EXPECT_THAT(spool_.log, HasSubstr("replace 2 spool: batch: checksum is wrong"));
  Get(session::Nack{.seq = 3, .code = NackCode::kBadBatch, .message = "no"});
  EXPECT_THAT(spool_.log, HasSubstr("replace 3 refused by the aggregator: no"));
  EXPECT_EQ(Sent(), "3 ");
  for (int i = 0; i < 2; ++i) {
    Get(session::Nack{.seq = 3, .code = NackCode::kBadBatch, .message = "no"});
    Sent();
  }
  const auto end = session_->TakeEnd();  // Not for ever.
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->retry, Retry::kLong);
}

TEST_F(AgentSessionTest, SendsAgainWhatCameOutOfOrder) {
  spool_.Append(2);
  Start();
  Welcome();
  Sent();
  Get(session::Nack{.seq = 2, .code = NackCode::kOutOfOrder, .hint = 1});
  EXPECT_EQ(Sent(), "");
  now_ms_ = session_->NextDue(now_ms_);
  EXPECT_EQ(Sent(), "2 ");
}

TEST_F(AgentSessionTest, AsksForAnEpochWhenItsStateIsNotTheOneTheAggregatorKnew) {
  const auto f = [this](std::vector<session::Run> runs, const std::string& why) {
    Start();
    Welcome(std::move(runs));
    EXPECT_EQ(Sent(), "Bye ");
    const auto end = session_->TakeEnd();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->retry, Retry::kAtOnce);
    EXPECT_THAT(end->message, HasSubstr(why));
    EXPECT_EQ(spool_.log, "");
  };
  spool_.Append(5);
  f({{.first = 1, .last = 9, .last_hash = 1}}, "has batch 9, the next one here is 6");
  f({{.first = 1, .last = 3, .last_hash = 1}}, "has another batch 3");
  spool_.frames.erase(1);
  spool_.frames.erase(2);
  f({}, "no longer has 2 batches");
}

TEST_F(AgentSessionTest, GoesOverToANewEpoch) {
  spool_.Append(5);
  Start();
  Welcome({RunTo(3)}, 8);
  EXPECT_EQ(Sent(), "Bye ");
  EXPECT_EQ(spool_.log, "1-3 rebase to 8 proven 3 sure 6 lost 0");
  EXPECT_TRUE(session_->rebasing());
  spool_.rebase_done({});
  EXPECT_FALSE(session_->rebasing());
}

TEST_F(AgentSessionTest, WhatAnotherCopyMayHaveSentIsUnproven) {
  spool_.Append(5);
  Start();
  Get(session::Welcome{.epoch = 9, .window_batches = 1, .runs = {RunTo(3)}, .used_since = true});
  EXPECT_EQ(spool_.log, "remove 1-3 1-5 rebase to 9 proven 0 sure 6 lost 0");
}

TEST_F(AgentSessionTest, AHostThatEnrolledAgainSaysWhoseItsNumbersAre) {
  options_.agent_id = "new";
  spool_.agent = "old";
  spool_.Append(5);
  spool_.Remove({{.first = 1, .last = 2}});  // The old one's, acknowledged.
  for (const bool known : {true, false}) {
    session_ = std::make_unique<AgentSession>(options_, spool_, stats_);
    session_->Opened(now_ms_);
    reader_ = session::FrameReader(session::kFrameBytesMax);
    reader_.Feed(session_->Produce(now_ms_, 0));
    const auto frame = reader_.Next();
    const auto& hello = std::get<session::Hello>(**frame);
    EXPECT_EQ(hello.numbered_for, "old");
    EXPECT_EQ(hello.next_seq, 0U);
    spool_.log.clear();
    // The aggregator has one more than it said; or it never knew the old one.
    Welcome(known ? std::vector<session::Run>{RunTo(3)} : std::vector<session::Run>(), 8);
    EXPECT_EQ(spool_.log, known ? "new: 1-3 rebase to 8 proven 3 sure 6 lost 0"
                                : "new: rebase to 8 proven 0 sure 6 lost 0");
  }
  spool_.agent = "new";
  session_ = std::make_unique<AgentSession>(options_, spool_, stats_);
  session_->Opened(now_ms_);
  reader_.Feed(session_->Produce(now_ms_, 0));
  EXPECT_EQ(std::get<session::Hello>(**reader_.Next()).numbered_for, "");
}

TEST_F(AgentSessionTest, PingsInSilenceAndGivesUp) {
  Start();
  Welcome();
  now_ms_ = session_->NextDue(now_ms_);
  EXPECT_EQ(now_ms_, 1'000 + options_.ping_after_ms);
  session_->Tick(now_ms_);
  EXPECT_EQ(Sent(), "Ping ");
  Get(session::Pong{});
  Get(session::Ping{.token = 4});
  EXPECT_EQ(Sent(), "Pong ");
  session_->Tick(now_ms_ += options_.ping_after_ms);
  EXPECT_EQ(Sent(), "Ping ");
  now_ms_ = session_->NextDue(now_ms_);
  session_->Tick(now_ms_);
  const auto end = session_->TakeEnd();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->retry, Retry::kBackOff);
  EXPECT_EQ(end->message, "the aggregator does not answer");
}

TEST_F(AgentSessionTest, ComesBackAsTheByeSays) {
  const auto f = [this](ByeCode code) {
    Start();
    Get(session::Bye{.code = code, .message = "why"});
    const auto end = session_->TakeEnd();
    EXPECT_TRUE(end.has_value() && end->by_aggregator && end->message == "why");
    return end->retry;
  };
  EXPECT_EQ(f(ByeCode::kNormal), Retry::kAtOnce);
  EXPECT_EQ(f(ByeCode::kOverloaded), Retry::kBackOff);
  EXPECT_EQ(f(ByeCode::kRevoked), Retry::kLong);
  EXPECT_EQ(f(ByeCode::kClone), Retry::kLong);
}

TEST_F(AgentSessionTest, SaysByeToWhatIsNoAggregator) {
  Start();
  session_->OnBytes("HTTP/1.1 400 Bad Request\r\n\r\n", now_ms_);
  EXPECT_EQ(Sent(), "Bye ");
  Start();
  Get(session::Ack{});
  EXPECT_EQ(Sent(), "Bye ");
  const auto end = session_->TakeEnd();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->message, "Ack came out of turn");
}

TEST_F(AgentSessionTest, RenewsOnTheSession) {
  Start();
  EXPECT_FALSE(session_->Renew("csr"));
  Welcome();
  EXPECT_TRUE(session_->Renew("csr"));
  EXPECT_FALSE(session_->may_renew());
  EXPECT_FALSE(session_->Renew("of another key"));
  EXPECT_EQ(Sent(), "Renew ");
  Get(session::Enrolled{.agent_id = "a", .certificate_pem = "pem"});
  EXPECT_EQ(session_->TakeRenewed()->certificate_pem, "pem");
  EXPECT_TRUE(session_->may_renew());
}

}  // namespace
}  // namespace opssight
