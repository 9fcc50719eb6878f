#include "common/pki/pki.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pki/secret.h"
#include "common/text/base64.h"

namespace opssight {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Validity kYear{.from_s = 1'767'225'600, .to_s = 1'767'225'600 + 365 * 86'400};

Result<std::string> Issue(const KeyAndCertificate& ca, const Subject& subject) {
  OPS_TRY(const std::string key, MakeKey());
  OPS_TRY(const std::string csr, MakeCsr(key, "what the host calls itself"));
  return SignCsr(csr, ca, subject, kYear);
}

TEST(PkiTest, TheSignerSaysTheSubject) {
  const auto ca = MakeCa("test CA", kYear);
  ASSERT_TRUE(ca.has_value()) << ca.error().message;
  const auto pem = Issue(*ca, {.common_name = "agent-1", .uri = {"opssight://agent/1"}});
  ASSERT_TRUE(pem.has_value()) << pem.error().message;
  const auto info = ReadCertificate(*pem);
  ASSERT_TRUE(info.has_value()) << info.error().message;
  EXPECT_EQ(info->common_name, "agent-1");
  EXPECT_THAT(info->uri, ElementsAre("opssight://agent/1"));
  EXPECT_EQ(info->validity.from_s, kYear.from_s);
  EXPECT_EQ(info->validity.to_s, kYear.to_s);
  EXPECT_EQ(info->serial.size(), 32U);
}

TEST(PkiTest, ServerCertificatesTakeNamesAndAddresses) {
  const auto ca = MakeCa("test CA", kYear);
  ASSERT_TRUE(ca.has_value());
  EXPECT_TRUE(
      Issue(
          *ca,
          {.common_name = "agg", .dns = {"localhost"}, .ip = {"127.0.0.1", "::1"}, .server = true})
          .has_value());
  EXPECT_FALSE(Issue(*ca, {.common_name = "agg", .ip = {"not an address"}}).has_value());
}

TEST(PkiTest, ACertificateKnowsItsKey) {
  const auto ca = MakeCa("test CA", kYear);
  const auto other = MakeCa("test CA", kYear);
  ASSERT_TRUE(ca.has_value() && other.has_value());
  EXPECT_TRUE(KeyMatches(ca->key_pem, ca->certificate_pem).value());
  EXPECT_FALSE(KeyMatches(other->key_pem, ca->certificate_pem).value());
}

TEST(PkiTest, ARequestWhoseSignatureIsWrongIsRefused) {
  const auto ca = MakeCa("test CA", kYear);
  const auto key = MakeKey();
  ASSERT_TRUE(ca.has_value() && key.has_value());
  std::string csr = MakeCsr(*key, "x").value();
  csr[csr.size() - 3] = static_cast<char>(csr[csr.size() - 3] ^ 1);
  const auto refused = SignCsr(csr, *ca, {.common_name = "agent-1"}, kYear);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
}

TEST(PkiTest, AnyBytesAreRefusedNotMore) {
  const auto ca = MakeCa("test CA", kYear);
  ASSERT_TRUE(ca.has_value());
  const std::string csr = MakeCsr(MakeKey().value(), "x").value();
  for (std::size_t size = 0; size < csr.size(); ++size) {
    EXPECT_FALSE(SignCsr(csr.substr(0, size), *ca, {.common_name = "a"}, kYear).has_value());
  }
  EXPECT_FALSE(ReadCertificate("").has_value());
  EXPECT_FALSE(ReadCertificate("-----BEGIN CERTIFICATE-----\nAAAA\n").has_value());
  EXPECT_EQ(SignCsr(std::string(kCsrBytesMax + 1, 'x'), *ca, {}, kYear).error().code,
            ErrorCode::kExhausted);
}

TEST(PkiTest, PinsAreCopiedAsText) {
  const std::string digest = Sha256("key");
  const std::string text = PinText(digest);
  EXPECT_THAT(text, HasSubstr("sha256:"));
  EXPECT_EQ(ParsePin(text).value(), digest);
  EXPECT_FALSE(ParsePin("sha1:abcd").has_value());
  EXPECT_FALSE(ParsePin("sha256:abcd").has_value());
}

TEST(SecretTest, UuidsAreVersion4AndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = RandomUuid();
    ASSERT_EQ(uuid.size(), 36U);
    EXPECT_EQ(uuid[14], '4');
    EXPECT_THAT(std::string("89ab"), HasSubstr(std::string(1, uuid[19])));
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(SecretTest, DigestsAndComparisons) {
  // FIPS 180-4's example "abc".
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(SameSecret("abc", "abc"));
  EXPECT_FALSE(SameSecret("abc", "abd"));
  EXPECT_FALSE(SameSecret("abc", "ab"));
}

}  // namespace
}  // namespace opssight
