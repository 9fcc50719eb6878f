#include "aggregator/enrol/registry.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/enrol/ca_files.h"

namespace opssight {
namespace {

using ::testing::HasSubstr;
using Verdict = AgentCheck::Verdict;

constexpr std::int64_t kDayNs = kNsPerDay;
const std::string kMachine(16, 'm');

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-enrol-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    const auto ca = LoadOrMakeCa(dir_ + "/pki", {}, clock_.WallNs() / kNsPerSecond);
    if (!ca) {
      ADD_FAILURE() << ca.error().message;
      return;
    }
    ca_ = *ca;
    Reopen();
  }
  ~RegistryTest() override {
    registry_.reset();
    std::filesystem::remove_all(dir_);
  }
  // Nobody has it open meanwhile.
  Result<std::shared_ptr<GuardedEnv>> OpenMetaAgain() {
    registry_.reset();
    return OpenMeta(dir_);
  }
  void Reopen() {
    const auto meta = OpenMetaAgain();
    ASSERT_TRUE(meta.has_value()) << meta.error().message;
    auto registry = AgentRegistry::Open(*meta, ca_, {}, clock_);
    ASSERT_TRUE(registry.has_value()) << registry.error().message;
    registry_ = *std::move(registry);
  }
  std::string Token(std::int64_t life_s = 3600, std::uint64_t uses = 1) {
    return registry_->CreateToken(life_s, uses).value().Text();
  }
  static std::string Csr() { return MakeCsr(MakeKey().value(), "host").value(); }
  Result<Enrolment> Enrol(const std::string& token, const std::string& csr = Csr(),
                          const std::string& machine = kMachine) {
    return registry_->Enrol({.token = token,
                             .csr_der = csr,
                             .fingerprint = machine,
                             .host = "web-1",
                             .peer = "10.0.0.7:4711"});
  }
  std::string WhyRefused(const std::string& token) {
    const auto enrolment = Enrol(token);
    if (enrolment) return "enrolled";
    EXPECT_EQ(enrolment.error().code, ErrorCode::kInvalid);
    return enrolment.error().message;
  }

  FakeClock clock_;
  std::string dir_;
  KeyAndCertificate ca_;
  std::unique_ptr<AgentRegistry> registry_;
};

TEST_F(RegistryTest, ATokenBecomesAnIdentityThatIsKnownAfterARestart) {
  const auto enrolment = Enrol(Token());
  ASSERT_TRUE(enrolment.has_value()) << enrolment.error().message;
  const auto info = ReadCertificate(enrolment->certificate_pem);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->common_name, enrolment->agent_id);
  EXPECT_THAT(info->uri, ::testing::ElementsAre("opssight://agent/" + enrolment->agent_id));
  EXPECT_EQ(info->validity.to_s, clock_.WallNs() / kNsPerSecond + 30 * 86'400);
  EXPECT_EQ(enrolment->epoch, 1U);
  Reopen();
  const AgentCheck check = registry_->Check(enrolment->agent_id, kMachine);
  EXPECT_EQ(check.verdict, Verdict::kOk) << check.message;
  EXPECT_EQ(check.host, "web-1");
}

TEST_F(RegistryTest, TokensAreRefusedWithWhatIsWrongAndWhatToDo) {
  EXPECT_THAT(WhyRefused(""), HasSubstr("not a token"));
  EXPECT_THAT(WhyRefused("abcd.ef"), HasSubstr("no such token"));
  std::string wrong = Token();
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  EXPECT_THAT(WhyRefused(wrong), HasSubstr("no such token"));
  const std::string once = Token();
  EXPECT_EQ(WhyRefused(once), "enrolled");
  EXPECT_THAT(WhyRefused(once), HasSubstr("was used 1 of 1 times"));
  EXPECT_THAT(WhyRefused(once), HasSubstr("token create"));
  const std::string revoked = Token();
  ASSERT_TRUE(registry_->RevokeToken(revoked.substr(0, revoked.find('.'))).has_value());
  EXPECT_THAT(WhyRefused(revoked), HasSubstr("was revoked"));
  const std::string old = Token(60);
  clock_.AdvanceMs(60'000);
  EXPECT_THAT(WhyRefused(old), HasSubstr("expired at 2026-01-01T00:01:00Z"));
  EXPECT_EQ(registry_->stats().refused.load(), 7U);
}

TEST_F(RegistryTest, ARequestThatIsNoGoodUsesUpNothing) {
  const std::string token = Token();
  EXPECT_FALSE(Enrol(token, "not a request").has_value());
  EXPECT_FALSE(Enrol(token, Csr(), "short").has_value());
  EXPECT_TRUE(Enrol(token).has_value());
}

TEST_F(RegistryTest, AnAnswerLostOnTheWayCostsNoSecondUse) {
  const std::string token = Token();
  const std::string csr = Csr();
  const auto first = Enrol(token, csr);
  const auto again = Enrol(token, csr);
  ASSERT_TRUE(first.has_value() && again.has_value());
  EXPECT_EQ(first->agent_id, again->agent_id);
  EXPECT_FALSE(Enrol(token, csr, std::string(16, 'x')).has_value()) << "another machine";
  EXPECT_EQ(registry_->Agents()->size(), 1U);
}

TEST_F(RegistryTest, CopiesAndRevokedAndUnknownAgentsAreToldApart) {
  const auto enrolment = Enrol(Token());
  ASSERT_TRUE(enrolment.has_value());
  const AgentCheck clone = registry_->Check(enrolment->agent_id, std::string(16, 'c'));
  EXPECT_EQ(clone.verdict, Verdict::kClone);
  EXPECT_THAT(clone.message, HasSubstr("belongs to host web-1"));
  EXPECT_EQ(registry_->Check("someone", kMachine).verdict, Verdict::kUnknown);
  EXPECT_EQ(registry_->Check("", kMachine).verdict, Verdict::kUnknown);
  ASSERT_TRUE(registry_->RevokeAgent(enrolment->agent_id).has_value());
  EXPECT_EQ(registry_->Check(enrolment->agent_id, kMachine).verdict, Verdict::kRevoked);
  EXPECT_FALSE(registry_->Renew(enrolment->agent_id, Csr()).has_value());
  EXPECT_EQ(registry_->RevokeAgent("someone").error().code, ErrorCode::kNotFound);
}

TEST_F(RegistryTest, ARecordThatIsDamagedKeepsNobodyElseOut) {
  {
    MetaTable agents = MetaTable::Open(*OpenMetaAgain(), "agents").value();
    ASSERT_TRUE(agents.Put("another", "damaged").has_value());
  }
  Reopen();
  const std::string token = Token();
  const std::string csr = Csr();
  const auto first = Enrol(token, csr);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(Enrol(token, csr)->agent_id, first->agent_id);
}

TEST_F(RegistryTest, WhoWasRevokedGetsAnotherIdentityForAnotherUse) {
  const std::string token = Token(3600, 2);
  const std::string csr = Csr();
  const std::string first = Enrol(token, csr)->agent_id;
  ASSERT_TRUE(registry_->RevokeAgent(first).has_value());
  const std::string second = Enrol(token, csr)->agent_id;
  EXPECT_NE(second, first);
  EXPECT_EQ(Enrol(token, csr)->agent_id, second);
  ASSERT_TRUE(registry_->RevokeAgent(second).has_value());
  EXPECT_FALSE(Enrol(token, csr).has_value()) << "used 2 of 2 times";
}

TEST_F(RegistryTest, RenewalKeepsTheIdentityAndProlongsIt) {
  const auto enrolment = Enrol(Token());
  ASSERT_TRUE(enrolment.has_value());
  clock_.AdvanceNs(20 * kDayNs);
  const auto renewed = registry_->Renew(enrolment->agent_id, Csr());
  ASSERT_TRUE(renewed.has_value()) << renewed.error().message;
  EXPECT_EQ(renewed->agent_id, enrolment->agent_id);
  EXPECT_EQ(ReadCertificate(renewed->certificate_pem)->validity.to_s,
            clock_.WallNs() / kNsPerSecond + 30 * 86'400);
}

TEST_F(RegistryTest, TheSameMachineMayAskWhatItWasBefore) {
  const auto enrolment = Enrol(Token());
  ASSERT_TRUE(enrolment.has_value());
  ASSERT_TRUE(registry_->NewEpoch(enrolment->agent_id).has_value());
  ASSERT_TRUE(registry_->RevokeAgent(enrolment->agent_id).has_value());
  EXPECT_EQ(registry_->EpochOfEarlier(enrolment->agent_id, kMachine), 2U);
  EXPECT_EQ(registry_->EpochOfEarlier(enrolment->agent_id, std::string(16, 'c')), std::nullopt);
  EXPECT_EQ(registry_->EpochOfEarlier("someone", kMachine), std::nullopt);
  EXPECT_EQ(registry_->EpochOfEarlier(std::string(1000, 'x'), kMachine), std::nullopt);
}

TEST_F(RegistryTest, EpochsOnlyGrow) {
  const auto enrolment = Enrol(Token());
  ASSERT_TRUE(enrolment.has_value());
  EXPECT_EQ(registry_->NewEpoch(enrolment->agent_id).value(), 2U);
  Reopen();
  EXPECT_EQ(registry_->NewEpoch(enrolment->agent_id).value(), 3U);
  EXPECT_EQ(registry_->Check(enrolment->agent_id, kMachine).epoch, 3U);
  EXPECT_FALSE(registry_->NewEpoch("someone").has_value());
}

TEST_F(RegistryTest, CaAndServerCertificateAreMadeOnceAndAgainWhenNeeded) {
  const std::int64_t now = clock_.WallNs() / kNsPerSecond;
  EXPECT_EQ(LoadOrMakeCa(dir_ + "/pki", {}, now)->certificate_pem, ca_.certificate_pem);
  const auto server = [&](const std::vector<std::string>& names, std::int64_t at) {
    return LoadOrMakeServerCertificate(dir_ + "/pki", ca_, names, {}, at)->certificate_pem;
  };
  const std::string first = server({"localhost", "127.0.0.1"}, now);
  EXPECT_EQ(server({"localhost", "127.0.0.1"}, now), first);
  EXPECT_NE(server({"localhost"}, now), first) << "other names";
  const std::string second = server({"localhost"}, now);
  EXPECT_NE(server({"localhost"}, now + 300 * 86'400), second) << "about to expire";
  const std::int64_t late = now + 3'600 * 86'400LL;
  const std::string last = server({"localhost"}, late);
  EXPECT_EQ(server({"localhost"}, late + 3'600), last) << "as long as the CA's";
  EXPECT_FALSE(LoadOrMakeCa(dir_ + "/pki", {}, now + 20 * 365 * 86'400LL).has_value());
  std::filesystem::remove(dir_ + "/pki/ca.key");
  EXPECT_FALSE(LoadOrMakeCa(dir_ + "/pki", {}, now).has_value()) << "a lost key is no new CA";
}

}  // namespace
}  // namespace opssight
