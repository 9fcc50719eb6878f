#include "aggregator/store/wal_entry.h"

#include <gtest/gtest.h>

#include "common/bytes/endian.h"
#include "common/bytes/hash.h"

namespace opssight {
namespace {

std::string Entry() {
  std::string value;
  EncodeWalEntry("agent", 2, 7, Hash64("frame"), "frame", &value);
  return value;
}

TEST(WalEntryTest, ComesBack) {
  const std::string value = Entry();
  const auto entry = DecodeWalEntry(value);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->agent_id, "agent");
  EXPECT_EQ(entry->epoch, 2U);
  EXPECT_EQ(entry->seq, 7U);
  EXPECT_EQ(entry->frame, "frame");
  EXPECT_TRUE(entry->FrameIntact());
}

TEST(WalEntryTest, EveryBitIsChecked) {
  const std::string sound = Entry();
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    std::string value = sound;
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
    const auto entry = DecodeWalEntry(value);
    EXPECT_FALSE(entry.has_value() && entry->FrameIntact()) << "bit " << bit;
  }
}

TEST(WalEntryTest, EveryCutIsSeen) {
  const std::string sound = Entry();
  for (std::size_t size = 0; size < sound.size(); ++size) {
    const auto entry = DecodeWalEntry(std::string_view(sound).substr(0, size));
    EXPECT_FALSE(entry.has_value() && entry->FrameIntact()) << size << " bytes";
  }
}

// Found by the fuzzer: 13 bytes whose checksum is right, too few for the numbers.
TEST(WalEntryTest, ACutHeaderWithARightChecksumIsRefused) {
  const std::string after(1, '\0');
  std::string value;
  PutLe(value, Hash64(after));
  value += after + "abcd";
  EXPECT_EQ(DecodeWalEntry(value).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace opssight
