#include "agent/tail/checkpoint.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

constexpr Checkpoint kCheckpoint{.path_hash = 1,
                                 .birth_ns = 2,
                                 .modified_ns = 3,
                                 .head_hash = 4,
                                 .marker_hash = 5,
                                 .read_offset = 900,
                                 .size_seen = 1000,
                                 .accepted = {900, 700},
                                 .head_bytes = 900,
                                 .marker_bytes = 256,
                                 .done = false};

TEST(Checkpoint, ReadsWhatItWrote) {
  EXPECT_EQ(DecodeCheckpoint(EncodeCheckpoint(kCheckpoint)), kCheckpoint);
  EXPECT_EQ(kCheckpoint.resume_offset(), 700U);
}

TEST(Checkpoint, AnyDamageIsSeen) {
  const std::string good = EncodeCheckpoint(kCheckpoint);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(DecodeCheckpoint(bad).has_value()) << i;
    EXPECT_FALSE(DecodeCheckpoint(std::string_view(good).substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(DecodeCheckpoint(std::string(good.size(), '\0')).has_value());
}

TEST(Checkpoint, OffsetsThatMakeNoSenseAreRefused) {
  Checkpoint ahead = kCheckpoint;
  ahead.accepted = {901, 902};
  EXPECT_FALSE(DecodeCheckpoint(EncodeCheckpoint(ahead)).has_value());
  Checkpoint far = kCheckpoint;
  far.read_offset = ~0ULL;
  EXPECT_FALSE(DecodeCheckpoint(EncodeCheckpoint(far)).has_value());
}

TEST(Checkpoint, KeysThereAndBack) {
  const FileId id{.device = 254, .inode = 77};
  EXPECT_EQ(CheckpointKey(id), "tail/254:77");
  EXPECT_EQ(ParseCheckpointKey("tail/254:77"), id);
  EXPECT_FALSE(ParseCheckpointKey("journal").has_value());
  EXPECT_FALSE(ParseCheckpointKey("tail/254").has_value());
  EXPECT_FALSE(ParseCheckpointKey("tail/254:x").has_value());
}

}  // namespace
}  // namespace opssight
