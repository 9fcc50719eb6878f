#include "agent/identity/identity.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opssight {
namespace {

using ::testing::HasSubstr;

constexpr Validity kMonth{.from_s = 1'000'000, .to_s = 1'000'000 + 30 * 86'400};

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    std::string name = (std::filesystem::temp_directory_path() / "opssight-id-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~IdentityTest() override { std::filesystem::remove_all(dir_); }

  Identity Issue(const std::string& key) {
    const KeyAndCertificate ca = MakeCa("CA", kMonth).value();
    return {.aggregator = "agg.example:9095",
            .key_pem = key,
            .certificate_pem =
                SignCsr(MakeCsr(key, "x").value(), ca, {.common_name = "agent-1"}, kMonth).value(),
            .ca_pem = ca.certificate_pem};
  }
  std::string dir_;
};

TEST_F(IdentityTest, IsSavedWholeAndReadBack) {
  const std::string key = EnrolmentKey(dir_ + "/state").value();
  EXPECT_EQ(EnrolmentKey(dir_ + "/state").value(), key) << "repeated, the same";
  const Identity saved = Issue(key);
  ASSERT_TRUE(SaveIdentity(dir_ + "/state", saved).has_value());
  const auto read = LoadIdentity(dir_ + "/state");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->aggregator, saved.aggregator);
  EXPECT_EQ(read->key_pem, saved.key_pem);
  EXPECT_EQ(read->certificate_pem, saved.certificate_pem);
  EXPECT_EQ(read->ca_pem, saved.ca_pem);
  EXPECT_EQ(read->info.common_name, "agent-1");
  EXPECT_NE(EnrolmentKey(dir_ + "/state").value(), key) << "used";
}

TEST_F(IdentityTest, SaysHowToEnrol) {
  const auto none = LoadIdentity(dir_);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("token create"));
}

TEST_F(IdentityTest, ADamagedFileIsNotAnIdentity) {
  ASSERT_TRUE(SaveIdentity(dir_, Issue(MakeKey().value())).has_value());
  const std::string path = dir_ + "/identity.pem";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_EQ(LoadIdentity(dir_).error().code, ErrorCode::kCorrupt);
  Identity mixed = Issue(MakeKey().value());
  mixed.key_pem = MakeKey().value();
  EXPECT_EQ(SaveIdentity(dir_, mixed).error().code, ErrorCode::kInvalid);
}

TEST(RenewalTest, IsDueAtTwoThirdsAndSpread) {
  EXPECT_EQ(RenewAtS(kMonth, 0), 1'000'000 + 20 * 86'400);
  EXPECT_EQ(RenewAtS(kMonth, 0.5), 1'000'000 + 20 * 86'400 + 3 * 86'400 / 2);
}

TEST(FingerprintTest, IsOfTheMachineAndNotTheIdItself) {
  const auto one = MachineFingerprint("0123456789abcdef0123456789abcdef\n");
  const auto two = MachineFingerprint("1123456789abcdef0123456789abcdef\n");
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_EQ(one->size(), 16U);
  EXPECT_NE(*one, *two);
  for (const char* bad : {"", "uninitialized\n", "0123", "0123456789abcdef0123456789abcdeg"}) {
    EXPECT_FALSE(MachineFingerprint(bad).has_value()) << bad;
  }
}

TEST_F(IdentityTest, AMachineWithoutAnIdKeepsTheOneItGets) {
  const auto made = ThisMachine(dir_ + "/no-root", dir_ + "/state");
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(ThisMachine(dir_ + "/no-root", dir_ + "/state").value(), *made);
  std::filesystem::create_directories(dir_ + "/root/etc");
  std::ofstream(dir_ + "/root/etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
  EXPECT_EQ(ThisMachine(dir_ + "/root", dir_ + "/state").value(),
            MachineFingerprint("0123456789abcdef0123456789abcdef").value());
}

}  // namespace
}  // namespace opssight
