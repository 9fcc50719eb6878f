// Both ends of a session over real sockets and TLS on loopback: what is delivered,
// resumed, refused, and what each side says about it.
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/enrol/enrol.h"
#include "agent/ship/shipper.h"
#include "aggregator/ingest/ingest_server.h"
#include "common/pki/pki.h"
#include "tests/sim/sim_aggregator.h"
#include "tests/sim/sim_spool.h"
#include "tests/support/temp_dir.h"

namespace opssight::sim {
namespace {

using session::ByeCode;
using ::testing::HasSubstr;

constexpr char kAgentId[] = "6f1c2a9e-0b7d-4c58-9a3e-5d2f8b1c4e70";

Validity FromNow(std::int64_t from_s, std::int64_t to_s) {
  const std::int64_t now = std::time(nullptr);
  return {now + from_s, now + to_s};
}

struct Credentials {
  std::string certificate_pem;
  std::string key_pem;
};

Subject AgentSubject() {
  return {.common_name = kAgentId, .uri = {std::string(kAgentUri) + kAgentId}};
}

Credentials Issue(const KeyAndCertificate& ca, const Subject& subject,
                  Validity validity = FromNow(-60, 3'600)) {
  const std::string key = MakeKey().value();
  return {SignCsr(MakeCsr(key, "x").value(), ca, subject, validity).value(), key};
}

// Enrols, renews and judges as the test says.
class TestAuthority final : public EnrolAuthority {
 public:
  explicit TestAuthority(const KeyAndCertificate& ca) : ca_(ca) {}

  Result<Enrolment> Enrol(const EnrolRequest& request) override {
    if (request.token != "id.secret") return Invalid("token id is not known here");
    return Renew(kAgentId, request.csr_der);
  }
  Result<Enrolment> Renew(const std::string& agent_id, std::string_view csr_der) override {
    OPS_TRY(std::string pem, SignCsr(csr_der, ca_, AgentSubject(), FromNow(-60, 7'200)));
    return Enrolment{.agent_id = agent_id,
                     .epoch = 1,
                     .certificate_pem = std::move(pem),
                     .ca_pem = ca_.certificate_pem};
  }
  AgentCheck Check(const std::string& /*agent_id*/, std::string_view /*fingerprint*/) override {
    return {.verdict = verdict, .message = message, .epoch = epoch, .host = "sim"};
  }
  Result<std::uint64_t> NewEpoch(const std::string& /*agent_id*/) override { return ++epoch; }

  AgentCheck::Verdict verdict = AgentCheck::Verdict::kOk;
  std::string message;
  std::uint64_t epoch = 1;

 private:
  const KeyAndCertificate& ca_;
};

class SessionTlsTest : public testing::Test {
 protected:
  SessionTlsTest() { OpenServer(0); }
  ~SessionTlsTest() override {
    On([this] {
      shipper_.reset();
      server_.reset();
    });
    loop_.Stop();
  }

  void On(const std::function<void()>& task) { ASSERT_TRUE(loop_.RunSync(task)); }

  void OpenServer(std::uint16_t port) {
    const Credentials own = Issue(ca_, {.common_name = "agg", .ip = {"127.0.0.1"}, .server = true});
    auto tls = TlsContext::Make({.server = true,
                                 .certificate_pem = own.certificate_pem + ca_.certificate_pem,
                                 .key_pem = own.key_pem,
                                 .ca_pem = ca_.certificate_pem,
                                 .client_certificate = ClientCertificate::kRequest,
                                 .tls13_only = true});
    ASSERT_TRUE(tls.has_value()) << tls.error().message;
    On([&] {
      auto server =
          IngestServer::Open(loop_, {.listen = {"127.0.0.1", port}}, *tls,
                             {.acceptor = store_,
                              .authority = authority_,
                              .clock = Clock::System(),
                              .stats = ingest_,
                              .on_end = [this](const SessionEnd& end) { ends_.push_back(end); }});
      ASSERT_TRUE(server.has_value()) << server.error().message;
      server_ = *std::move(server);
      port_ = server_->port();
    });
  }

  std::shared_ptr<TlsContext> ClientTls(const Credentials& own) const {
    auto tls = TlsContext::Make({.certificate_pem = own.certificate_pem,
                                 .key_pem = own.key_pem,
                                 .ca_pem = ca_.certificate_pem,
                                 .tls13_only = true});
    EXPECT_TRUE(tls.has_value()) << tls.error().message;
    return tls.value();
  }

  void StartShipper(std::shared_ptr<TlsContext> tls, ShipperHooks hooks = {}) {
    On([&] {
      shipper_ =
          std::make_unique<Shipper>(loop_,
                                    ShipperOptions{.aggregator = {"127.0.0.1", port_},
                                                   .session = {.host = "web-1"},
                                                   .retry_min_ms = 10,
                                                   .retry_max_ms = 40},
                                    std::move(tls), spool_, ship_, Random(1), std::move(hooks));
      shipper_->Start();
    });
  }

  void Append(int batches) {
    On([&] {
      for (int i = 0; i < batches; ++i) spool_.Append({++last_record_}, last_record_);
      shipper_->OnSpooled();
    });
  }

  // Until what is true; disks commit meanwhile. The limit is only for a test that
  // would hang.
  void Wait(const std::function<bool()>& what) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (bool seen = false; !seen;) {
      On([&] {
        store_.CommitSome(100);
        spool_.Transact();
        seen = what();
      });
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "waited in vain";
      std::this_thread::yield();
    }
  }
  bool AllStored() const {
    return store_.disk.stored.size() == last_record_ && spool_.disk().batches.empty();
  }

  // Connects and gives what the agent then says is wrong.
  std::string ProblemWith(std::shared_ptr<TlsContext> tls) {
    StartShipper(std::move(tls));
    std::string problem;
    Wait([&] {
      problem = shipper_->problem();
      return problem.find("refused") != std::string::npos;
    });
    return problem;
  }

  const KeyAndCertificate ca_ = MakeCa("OpsSight CA", FromNow(-86'400, 86'400)).value();
  TestAuthority authority_{ca_};
  SimStore store_;
  SimSpool spool_{{}};
  ShipStats ship_;
  IngestStats ingest_;
  std::vector<SessionEnd> ends_;
  Record last_record_ = 0;
  std::uint16_t port_ = 0;
  Loop loop_{"test"};
  std::unique_ptr<IngestServer> server_;
  std::unique_ptr<Shipper> shipper_;
};

TEST_F(SessionTlsTest, DeliversAndResumesAfterARestartOfTheSession) {
  const auto tls = ClientTls(Issue(ca_, AgentSubject()));
  StartShipper(tls);
  Append(50);
  Wait([this] { return AllStored(); });
  EXPECT_EQ(ship_.acked.load(), 50U);
  EXPECT_EQ(ship_.epochs.load(), 1U);  // A new spool asks for its epoch.
  On([&] { shipper_->SetTls(tls); });  // Says Bye and comes again.
  Wait([this] { return ship_.resumed.load() >= 1 && shipper_->connected(); });
  Append(50);
  Wait([this] { return AllStored(); });
  for (const auto& [record, times] : store_.disk.stored) EXPECT_EQ(times, 1) << record;
  EXPECT_EQ(ingest_.duplicates.load(), 0U);
}

TEST_F(SessionTlsTest, ComesBackAfterARestartOfTheAggregator) {
  StartShipper(ClientTls(Issue(ca_, AgentSubject())));
  Append(5);
  Wait([this] { return AllStored(); });
  On([this] { server_->Stop("restart"); });
  Wait([this] { return !shipper_->connected(); });
  On([this] { server_.reset(); });
  Append(5);
  OpenServer(port_);
  Wait([this] { return AllStored(); });
  EXPECT_GE(ship_.refused[static_cast<std::size_t>(ByeCode::kNormal)].load(), 1U);
}

TEST_F(SessionTlsTest, SaysToBothSidesWhyItRefuses) {
  const auto f = [this](const Credentials& credentials, ByeCode code, const std::string& why) {
    ends_.clear();
    EXPECT_THAT(ProblemWith(ClientTls(credentials)), HasSubstr(why));
    On([&] {
      shipper_.reset();
      ASSERT_FALSE(ends_.empty());
      EXPECT_EQ(ends_.front().code, code) << ends_.front().message;
      EXPECT_FALSE(ends_.front().by_agent);
      EXPECT_THAT(ends_.front().message, HasSubstr(why));
      EXPECT_EQ(ends_.front().host, "web-1");
    });
    EXPECT_GE(ingest_.refused[static_cast<std::size_t>(code)].load(), 1U);
  };
  const KeyAndCertificate rogue = MakeCa("OpsSight CA", FromNow(-60, 3'600)).value();
  f({}, ByeCode::kNotEnrolled, "this host is not enrolled here; run opssight-agent enrol");
  f(Issue(ca_, AgentSubject(), FromNow(-7'200, -3'600)), ByeCode::kCertificateExpired, "expired");
  f(Issue(rogue, AgentSubject()), ByeCode::kCertificateUnknown, "not from this aggregator");
  f(Issue(ca_, {.common_name = "someone"}), ByeCode::kCertificateUnknown, "is not an agent's");

  const Credentials good = Issue(ca_, AgentSubject());
  authority_.message = "agent was revoked on Monday";
  authority_.verdict = AgentCheck::Verdict::kRevoked;
  f(good, ByeCode::kRevoked, authority_.message);
  authority_.message = "enrolled on another machine (web-9)";
  authority_.verdict = AgentCheck::Verdict::kClone;
  f(good, ByeCode::kClone, authority_.message);
  EXPECT_EQ(ship_.batches_sent.load(), 0U);
}

TEST_F(SessionTlsTest, SaysThatNobodyListensAndWhatWaits) {
  const auto tls = ClientTls(Issue(ca_, AgentSubject()));
  On([this] { server_.reset(); });
  StartShipper(tls);
  Append(3);
  Wait([this] { return shipper_->problem().find("3 batches") != std::string::npos; });
  On([this] {
    EXPECT_THAT(shipper_->problem(), HasSubstr("connection refused"));
    EXPECT_THAT(shipper_->problem(), HasSubstr("wait in the spool, next try in 0.0 s"));
  });
}

TEST_F(SessionTlsTest, RenewsItsCertificateAndGoesOnWithIt) {
  const std::string key = MakeKey().value();
  bool asked = false;
  std::string renewed_pem;
  StartShipper(ClientTls(Issue(ca_, AgentSubject())),
               {.renewal = [&]() -> std::optional<std::string> {
                  if (std::exchange(asked, true)) return std::nullopt;
                  return MakeCsr(key, "x").value();
                },
                .on_renewed =
                    [&](const session::Enrolled& enrolled) {
                      renewed_pem = enrolled.certificate_pem;
                      shipper_->SetTls(ClientTls({enrolled.certificate_pem, key}));
                    }});
  Wait([&] { return !renewed_pem.empty() && shipper_->connected(); });
  Append(3);
  Wait([this] { return AllStored(); });
  EXPECT_EQ(ingest_.renewed.load(), 1U);
}

TEST_F(SessionTlsTest, EnrolsAHostThatHasNoCertificateYet) {
  const TempDir dir;
  EnrolRequestOptions request{.aggregator = {"127.0.0.1", port_},
                              .token = "id.wrong",
                              .ca_pin = PinText(ReadCertificate(ca_.certificate_pem)->spki_sha256),
                              .dir = dir.path(),
                              .host = "web-1"};
  const auto refused = EnrolHost(request);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("token id is not known here"));
  request.token = "id.secret";
  const auto identity = EnrolHost(request);
  ASSERT_TRUE(identity.has_value()) << identity.error().message;
  StartShipper(ClientTls({identity->certificate_pem, identity->key_pem}));
  Append(3);
  Wait([this] { return AllStored(); });
}

TEST_F(SessionTlsTest, ASecondMachineWithTheSameIdentityIsTurnedAway) {
  const auto tls = ClientTls(Issue(ca_, AgentSubject()));
  StartShipper(tls);
  Append(3);
  Wait([this] { return AllStored(); });
  SimSpool other_spool{{}};
  ShipStats other_stats;
  std::unique_ptr<Shipper> other;
  On([&] {
    other = std::make_unique<Shipper>(
        loop_, ShipperOptions{.aggregator = {"127.0.0.1", port_}, .session = {.host = "web-2"}},
        tls, other_spool, other_stats, Random(2));
    other->Start();
  });
  Wait([&] { return other->problem().find("two hosts use one identity") != std::string::npos; });
  On([&] {
    EXPECT_TRUE(shipper_->connected());
    EXPECT_THAT(other->problem(), HasSubstr("(host web-1)"));
    other.reset();
  });
}

}  // namespace
}  // namespace opssight::sim
