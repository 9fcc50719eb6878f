#include "aggregator/ingest/peer.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "common/pki/pki.h"

namespace opssight {
namespace {

std::string CertificateFor(std::string_view uri) {
  const Validity validity{.from_s = 1'000, .to_s = 2'000'000'000};
  const KeyAndCertificate ca = MakeCa("CA", validity).value();
  const std::string csr = MakeCsr(MakeKey().value(), "x").value();
  return SignCsr(csr, ca, {.common_name = "cn", .uri = {std::string(uri)}}, validity).value();
}

// "verified <id>", "expired", …
std::string Judge(std::string_view uri, std::string_view verify_error, std::int64_t now_s) {
  const SessionPeer peer = JudgePeer("a:1", CertificateFor(uri), verify_error, now_s);
  EXPECT_EQ(peer.address, "a:1");
  EXPECT_FALSE(peer.serial.empty());
  switch (peer.certificate) {
    case SessionPeer::Certificate::kNone:
      return "none";
    case SessionPeer::Certificate::kVerified:
      return "verified " + peer.agent_id;
    case SessionPeer::Certificate::kExpired:
      return "expired " + peer.why;
    case SessionPeer::Certificate::kUnverified:
      return "unverified " + peer.why;
  }
  return "?";
}

TEST(PeerTest, OnlyAVerifiedAgentsCertificateIsAnAgent) {
  constexpr std::string_view uri = "opssight://agent/6f1c2a9e-0b7d-4c58-9a3e-5d2f8b1c4e70";
  EXPECT_EQ(Judge(uri, "", 5'000), "verified 6f1c2a9e-0b7d-4c58-9a3e-5d2f8b1c4e70");
  EXPECT_EQ(Judge(uri, "stranger", 5'000), "unverified stranger");
  EXPECT_EQ(Judge(uri, "too late", 2'000'000'001), "expired too late");
  EXPECT_EQ(Judge(uri, "too early", 1), "expired too early");
  EXPECT_EQ(Judge("opssight://agent/../x", "", 5'000),
            "unverified certificate of \"cn\" is not an agent's");
  EXPECT_EQ(Judge("https://agent/", "", 5'000),
            "unverified certificate of \"cn\" is not an agent's");
  EXPECT_EQ(JudgePeer("a", "", "", 1).certificate, SessionPeer::Certificate::kNone);
  EXPECT_EQ(JudgePeer("a", "junk", "", 1).certificate, SessionPeer::Certificate::kUnverified);
}

}  // namespace
}  // namespace opssight
