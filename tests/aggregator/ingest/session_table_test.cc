#include "aggregator/ingest/session_table.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/bytes/hash.h"

namespace opssight {
namespace {

using session::ByeCode;
using ::testing::HasSubstr;

class FakeAcceptor final : public BatchAcceptor {
 public:
  void Submit(IncomingBatch batch, Done done) override {
    waiting.emplace_back(std::move(batch), std::move(done));
  }
  Result<AgentProgress> Progress(const std::string& agent_id, std::uint64_t epoch) override {
    if (agent_id != of) return AgentProgress();
    return AgentProgress{.runs = runs[epoch]};
  }
  void Answer(SubmitResult result) {
    auto taken = std::move(waiting);
    waiting.clear();
    for (auto& [batch, done] : taken) done(result);
  }

  std::vector<std::pair<IncomingBatch, Done>> waiting;
  std::string of = "agent";  // Whose runs are:
  std::map<std::uint64_t, std::vector<CommittedRun>> runs;
};

class FakeAuthority final : public EnrolAuthority {
 public:
  Result<Enrolment> Enrol(const EnrolRequest& request) override {
    if (request.token != "good") return Invalid("token is not known here");
    return Enrolment{.agent_id = "new", .epoch = 1, .certificate_pem = "pem", .ca_pem = "ca"};
  }
  Result<Enrolment> Renew(const std::string& agent_id, std::string_view /*csr_der*/) override {
    return Enrolment{.agent_id = agent_id, .epoch = 1, .certificate_pem = "pem2", .ca_pem = "ca"};
  }
  AgentCheck Check(const std::string& /*agent_id*/, std::string_view /*fingerprint*/) override {
    return {.verdict = verdict, .message = "as the test says", .epoch = epoch};
  }
  std::optional<std::uint64_t> EpochOfEarlier(const std::string& agent_id,
                                              std::string_view fingerprint) override {
    if (agent_id != "earlier" || fingerprint != std::string(16, '\0')) return std::nullopt;
    return earlier_epoch;
  }
  Result<std::uint64_t> NewEpoch(const std::string& /*agent_id*/) override { return ++epoch; }

  std::uint64_t earlier_epoch = 1;

  AgentCheck::Verdict verdict = AgentCheck::Verdict::kOk;
  std::uint64_t epoch = 1;
};

struct FakeConnection final : SessionLink {
  void Write(std::string bytes) override { reader.Feed(bytes); }
  void Pause() override { paused = true; }
  void Resume() override { paused = false; }
  void CloseAfterWrites() override { closed = true; }
  session::FrameReader reader{session::kFrameBytesMax};
  bool paused = false;
  bool closed = false;
};

class SessionTableTest : public testing::Test {
 protected:
  void Make(SessionOptions options) {
    table_ = std::make_unique<SessionTable>(
        options,
        SessionTable::Parts{.acceptor = acceptor_,
                            .authority = authority_,
                            .layouts = layouts_,
                            .stats = stats_,
                            .clock = clock_,
                            .post = [this](Completion c) { completions_.push_back(c); },
                            .on_end = [this](const SessionEnd& e) { ends_.push_back(e); },
                            .on_targets =
                                [this](const std::string& agent_id, std::int64_t created_ms,
                                       const std::shared_ptr<const TargetsSnapshot>& targets) {
                                  told_ += fmt::format("{} {} {} ", agent_id, created_ms,
                                                       targets->pools.size());
                                }});
  }
  SessionTableTest() { Make({}); }

  void Open(std::uint64_t id, const std::string& agent_id = "agent") {
    table_->Open(id,
                 {.address = fmt::format("peer-{}", id),
                  .certificate = SessionPeer::Certificate::kVerified,
                  .agent_id = agent_id},
                 connections_[id], now_ms_);
  }
  void Get(std::uint64_t id, const session::Frame& frame) {
    table_->Bytes(id, session::Encode(frame), now_ms_);
  }
  void Hello(std::uint64_t id, std::uint64_t next_seq = 1'000) {
    Get(id, session::Hello{.epoch = 1, .next_seq = next_seq, .host = fmt::format("host-{}", id)});
  }
  void Establish(std::uint64_t id, const std::string& agent_id = "agent") {
    Open(id, agent_id);
    Hello(id);
    EXPECT_EQ(Sent(id), "Welcome epoch 1 ");
  }
  void SendBatch(std::uint64_t id, std::uint64_t seq, std::int64_t created_ms = 0) {
    const std::string frame = EncodeBatch(contents_, created_ms);
    Get(id, session::Batch{.seq = seq, .hash = Hash64(frame), .frame = frame});
  }
  void Complete() { table_->Complete(std::exchange(completions_, {}), now_ms_); }
  void AnswerAll(const SubmitResult& result) {
    acceptor_.Answer(result);
    Complete();
  }

  std::string Sent(std::uint64_t id) {
    std::string text;
    for (;;) {
      const auto next = connections_[id].reader.Next();
      EXPECT_TRUE(next.has_value());
      if (!next || !next->has_value()) return text;
      if (const auto* welcome = std::get_if<session::Welcome>(&**next)) {
        text += fmt::format("Welcome epoch {}{} ", welcome->epoch,
                            welcome->used_since ? " (used since)" : "");
        if (say_runs_ && !welcome->runs.empty()) {
          text += fmt::format("to {} ", welcome->runs.back().last);
        }
      } else if (const auto* ack = std::get_if<session::Ack>(&**next)) {
        for (const auto& range : ack->ranges)
          text += fmt::format("Ack {}-{} ", range.first, range.last);
      } else if (const auto* nack = std::get_if<session::Nack>(&**next)) {
        text += fmt::format("Nack {} {} {} ", nack->seq, ToString(nack->code), nack->hint);
      } else if (const auto* bye = std::get_if<session::Bye>(&**next)) {
        text += fmt::format("Bye {}: {} ", ToString(bye->code), bye->message);
      } else if (const auto* ping = std::get_if<session::Ping>(&**next)) {
        last_token_ = ping->token;
        text += "Ping ";
      } else {
        text += fmt::format("{} ", NameOf(**next));
      }
    }
  }

  FakeAcceptor acceptor_;
  FakeAuthority authority_;
  LayoutRegistry layouts_;
  IngestStats stats_;
  FakeClock clock_;
  std::vector<Completion> completions_;
  std::vector<SessionEnd> ends_;
  std::string told_;  // Of targets.
  std::map<std::uint64_t, FakeConnection> connections_;
  std::unique_ptr<SessionTable> table_;
  std::int64_t now_ms_ = 1'000;
  std::uint64_t last_token_ = 0;
  bool say_runs_ = false;
  BatchContents contents_{.gaps = {{.count = 1, .reason = "test"}}};
};

TEST_F(SessionTableTest, AcknowledgesAfterTheCommitInRanges) {
  Establish(1);
  for (const std::uint64_t seq : {1, 2, 3, 9}) SendBatch(1, seq);
  EXPECT_EQ(Sent(1), "");
  EXPECT_EQ(acceptor_.waiting.size(), 4U);
  EXPECT_EQ(acceptor_.waiting[3].first.seq, 9U);
  AnswerAll({});
  EXPECT_EQ(Sent(1), "Ack 1-3 Ack 9-9 ");
  EXPECT_EQ(stats_.stored.load(), 4U);
  EXPECT_EQ(stats_.inflight_bytes.load(), 0);
}

TEST_F(SessionTableTest, AnswersWhatTheStoreDoesNotTake) {
  Establish(1);
  SendBatch(1, 5);
  AnswerAll({.kind = SubmitResult::Kind::kError, .error = Unavailable("disk is full")});
  SendBatch(1, 4);
  AnswerAll({.kind = SubmitResult::Kind::kError, .error = Invalid("larger than the store takes")});
  SendBatch(1, 6);
  AnswerAll({.kind = SubmitResult::Kind::kOutOfOrder, .expected = 4});
  SendBatch(1, 7);
  AnswerAll({.kind = SubmitResult::Kind::kDuplicate});
  EXPECT_EQ(Sent(1), "Nack 5 retry 1000 Nack 4 bad batch 0 Nack 6 out of order 4 Ack 7-7 ");
}

TEST_F(SessionTableTest, RefusesBytesThatAreNoBatch) {
  Establish(1);
  Get(1, session::Batch{.seq = 1, .hash = 0, .frame = "x"});
  Get(1, session::Batch{.seq = 2, .hash = Hash64("x"), .frame = "x"});
  EXPECT_EQ(Sent(1), "Nack 1 bad batch 0 Nack 2 bad batch 0 ");
  Get(1, session::Batch{.seq = 0, .hash = Hash64("x"), .frame = "x"});
  EXPECT_EQ(Sent(1), "Bye protocol error: batch 0: numbers begin at 1 ");
  EXPECT_TRUE(connections_[1].closed);
  EXPECT_TRUE(acceptor_.waiting.empty());
}

TEST_F(SessionTableTest, HandsOnEveryLayoutOfABatch) {
  const auto layout = std::make_shared<const Layout>(
      std::vector<LayoutSeries>{{.labels = Labels{{"__name__", "up"}}}});
  contents_ = {.metrics = {{.layout = layout, .time_ms = 1, .values = {1.0}}}};
  Establish(1);
  SendBatch(1, 1);
  EXPECT_EQ(Sent(1), "Nack 1 unknown layout 0 ");
  const std::string frame = EncodeLayout(*layout);
  Get(1, session::LayoutBytes{.frame = frame});
  SendBatch(1, 1);
  Establish(2, "another");
  SendBatch(2, 1);  // It is known from the first agent.
  ASSERT_EQ(acceptor_.waiting.size(), 2U);
  for (const auto& [batch, done] : acceptor_.waiting) {
    ASSERT_EQ(batch.layouts.size(), 1U);
    EXPECT_EQ(batch.layouts[0]->id, layout->id());
    EXPECT_EQ(batch.layouts[0]->frame, frame);
  }
  EXPECT_EQ(layouts_.size().layouts, 1U);
}

TEST_F(SessionTableTest, TargetsAreToldOfWhoScrapesThem) {
  Establish(1, "a");
  Establish(2, "b");
  SendBatch(1, 1, 5);
  EXPECT_EQ(told_, "");  // As of agents that do not know of it.
  TargetsSnapshot targets;
  targets.pools.push_back({.name = "j"});
  contents_.targets = std::make_shared<const TargetsSnapshot>(targets);
  SendBatch(1, 2, 6);
  SendBatch(2, 1, 7);
  EXPECT_EQ(told_, "a 6 1 b 7 1 ");
}

TEST_F(SessionTableTest, StopsReadingWhileTheStoreIsBehind) {
  const std::size_t bytes = EncodeBatch(contents_, 0).size();
  Make({.inflight_bytes_max = 2 * bytes});
  Establish(1);
  for (const std::uint64_t seq : {1, 2, 3, 4}) SendBatch(1, seq);
  EXPECT_EQ(acceptor_.waiting.size(), 2U);
  EXPECT_TRUE(connections_[1].paused);
  table_->Tick(now_ms_ += 60'000);  // It is not the agent that is silent.
  EXPECT_EQ(Sent(1), "");
  AnswerAll({});
  EXPECT_EQ(acceptor_.waiting.size(), 2U);
  AnswerAll({});
  EXPECT_FALSE(connections_[1].paused);
  EXPECT_EQ(Sent(1), "Ack 1-2 Ack 3-4 ");
}

TEST_F(SessionTableTest, SendsLargeFramesAwayWhenTooManyAreUnderWay) {
  Make({.partial_bytes_max = 1 << 20});
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Establish(id, std::to_string(id));
    table_->Bytes(id, session::EncodeBatchHead(1, 0, 10 << 20) + std::string(500'000, 'x'),
                  now_ms_);
  }
  EXPECT_EQ(Sent(1) + Sent(2), "");
  EXPECT_THAT(Sent(3), HasSubstr("Bye overloaded"));
}

TEST_F(SessionTableTest, GivesANewEpochToStateThatIsNotTheNewest) {
  acceptor_.runs[1] = {{.first = 1, .last = 9, .last_hash = 5}};
  Open(1);
  Hello(1, 10);
  EXPECT_EQ(Sent(1), "Welcome epoch 1 ");
  Get(1, session::Bye{});
  Open(2);
  Hello(2, 9);  // Batch 9 is stored, and it has not made it.
  EXPECT_EQ(Sent(2), "Welcome epoch 2 ");
  SendBatch(2, 1);
  EXPECT_THAT(Sent(2), HasSubstr("Batch came out of turn"));
  Open(3);
  Hello(3, 100);  // Epoch 1 is not the newest.
  EXPECT_EQ(Sent(3), "Welcome epoch 3 ");
  Get(3, session::Bye{});
  acceptor_.runs[3] = {{.first = 1, .last = 1, .last_hash = 5}};
  Open(4);
  Hello(4, 100);
  EXPECT_EQ(Sent(4), "Welcome epoch 4 (used since) ");
  Get(4, session::Bye{});
  Open(5);
  Get(5, session::Hello{.epoch = 20, .next_seq = 5});  // This side was restored from a copy.
  EXPECT_EQ(Sent(5), "Welcome epoch 21 ");
}

TEST_F(SessionTableTest, AHostThatEnrolledAgainIsToldWhatIsStoredOfItsEarlierSelf) {
  say_runs_ = true;
  acceptor_.of = "earlier";
  acceptor_.runs[1] = {{.first = 1, .last = 9, .last_hash = 5}};
  const auto hello = [this](std::uint64_t id, session::Hello from) {
    Open(id);
    from.epoch = 1;
    Get(id, from);
    const std::string sent = Sent(id);
    Get(id, session::Bye{});
    return sent;
  };
  EXPECT_EQ(hello(1, {.numbered_for = "earlier"}), "Welcome epoch 2 to 9 ");
  EXPECT_EQ(hello(2, {.next_seq = 1'000, .numbered_for = "earlier"}), "Welcome epoch 3 to 9 ")
      << "never without a new epoch";
  EXPECT_EQ(hello(3, {.numbered_for = "somebody"}), "Welcome epoch 4 ");
  session::Hello copy{.numbered_for = "earlier"};
  copy.fingerprint[0] = 1;
  EXPECT_EQ(hello(4, copy), "Welcome epoch 5 ") << "another machine is told nothing of it";
  acceptor_.runs[2] = acceptor_.runs[1];
  authority_.earlier_epoch = 2;
  EXPECT_EQ(hello(5, {.numbered_for = "earlier"}), "Welcome epoch 6 (used since) to 9 ");
}

TEST_F(SessionTableTest, KeepsTheSessionThatAnswers) {
  Establish(1);
  Open(2);
  Hello(2);
  EXPECT_EQ(Sent(1), "Ping ");
  Open(3);
  Hello(3);
  EXPECT_THAT(Sent(3), HasSubstr("Bye overloaded: another connection of this agent is being"));
  Get(1, session::Pong{.token = last_token_});
  EXPECT_THAT(Sent(2), HasSubstr("Bye clone: agent agent is connected from peer-1 (host host-1)"));
  SendBatch(1, 1);
  EXPECT_EQ(acceptor_.waiting.size(), 1U);
}

TEST_F(SessionTableTest, ReplacesTheSessionThatDoesNotAnswer) {
  Establish(1);
  SendBatch(1, 1);
  Open(2);
  Hello(2);
  table_->Tick(now_ms_ += 4'999);
  EXPECT_EQ(Sent(2), "");
  table_->Tick(now_ms_ += 1);
  EXPECT_THAT(Sent(1), HasSubstr("replaced by a newer connection"));
  SendBatch(1, 2);         // Late bytes of the old one.
  EXPECT_EQ(Sent(2), "");  // Batch 1 may still be committed: what is there is not known.
  EXPECT_EQ(acceptor_.waiting.size(), 1U);
  AnswerAll({});
  EXPECT_EQ(Sent(2), "Welcome epoch 1 ");
  EXPECT_EQ(stats_.sessions.load(), 1);
}

TEST_F(SessionTableTest, ANewcomerFollowsTheSessionThatEnds) {
  Establish(1);
  Open(2);
  Hello(2);
  table_->Closed(1, "connection reset", now_ms_);
  EXPECT_EQ(Sent(2), "Welcome epoch 1 ");
  table_->Closed(2, "connection reset", now_ms_);
  EXPECT_EQ(table_->size(), 0U);
  EXPECT_EQ(stats_.sessions.load(), 0);
  EXPECT_EQ(ends_.size(), 2U);
}

TEST_F(SessionTableTest, RevokingEndsALiveSession) {
  Establish(1);
  authority_.verdict = AgentCheck::Verdict::kRevoked;
  for (int i = 0; i < 60; ++i) {
    table_->Tick(now_ms_ += 1'000);
    Get(1, session::Pong{});
  }
  EXPECT_THAT(Sent(1), HasSubstr("Bye revoked: as the test says"));
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].code, ByeCode::kRevoked);
}

TEST_F(SessionTableTest, PingsInSilenceAndGivesUp) {
  Establish(1);
  Open(2, "");
  table_->Tick(now_ms_ += 10'000);
  EXPECT_THAT(Sent(2), HasSubstr("no Hello came"));
  table_->Tick(now_ms_ += 5'000);
  table_->Tick(now_ms_ += 1'000);
  EXPECT_EQ(Sent(1), "Ping ");
  table_->Tick(now_ms_ += 29'000);
  EXPECT_THAT(Sent(1), HasSubstr("nothing came for 45 s"));
  EXPECT_EQ(stats_.silent.load(), 1U);
}

TEST_F(SessionTableTest, EnrolsAndRenews) {
  Open(1, "");
  Get(1, session::Enrol{.token = "bad"});
  EXPECT_EQ(Sent(1), "Bye not enrolled: token is not known here ");
  Open(2, "");
  Get(2, session::Enrol{.token = "good"});
  EXPECT_EQ(Sent(2), "Enrolled Bye normal: enrolled ");
  Open(3, "");
  Get(3, session::Renew{});
  EXPECT_THAT(Sent(3), HasSubstr("Renew came before Hello"));
  Establish(4);
  Get(4, session::Renew{});
  EXPECT_EQ(Sent(4), "Enrolled ");
}

}  // namespace
}  // namespace opssight
