#include "aggregator/store/metrics/chunk.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/model/record.h"

namespace opssight {
namespace {

std::string Encoded(const std::vector<double>& values, ChunkHint hint = 0) {
  std::string bytes;
  EncodeChunk(values, hint, bytes);
  return bytes;
}

void ExpectSame(const std::vector<double>& values, ChunkHint hint = 0) {
  const std::string bytes = Encoded(values, hint);
  std::vector<double> back(values.size());
  ASSERT_TRUE(DecodeChunk(bytes, back));
  EXPECT_EQ(std::memcmp(values.data(), back.data(), values.size() * sizeof(double)), 0);
}

double Bits(std::uint64_t bits) {
  return std::bit_cast<double>(bits);
}

TEST(ChunkTest, EverySpecialValueAloneAndAmongOthers) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> specials = {0.0,
                                        -0.0,
                                        infinity,
                                        -infinity,
                                        Bits(kStaleNanBits),
                                        Bits(0x7ff8000000000001ULL),
                                        Bits(0xfff8dead0000beefULL),
                                        Bits(0x7ff0000000000001ULL),
                                        std::numeric_limits<double>::denorm_min(),
                                        std::numeric_limits<double>::max(),
                                        std::numeric_limits<double>::min(),
                                        0x1p51,
                                        -0x1p51,
                                        0x1p53 + 2,
                                        0x1p63,
                                        -0x1p63,
                                        9223372036854774784.0,
                                        1e15,
                                        1e-15,
                                        0.1,
                                        0.1 + 0.2,
                                        1.0 / 3};
  ExpectSame(specials);
  for (const double special : specials) {
    ExpectSame({special});
    ExpectSame(std::vector<double>(40, special));
    for (const double other : {0.0, 17.0, 0.25, 1234567.89, 1.0 / 3}) {
      std::vector<double> values;
      for (int i = 0; i < 32; ++i) values.push_back(other + i * (other > 1 ? 1.0 : 0.0));
      values[0] = special;
      ExpectSame(values);
      values[17] = special;
      ExpectSame(values);
      values.back() = special;
      ExpectSame(values);
    }
  }
}

TEST(ChunkTest, AnyHintChangesNothingButSpeed) {
  std::vector<double> values;
  for (int i = 0; i < 120; ++i) values.push_back(std::round(i * 12.3456 * 100) / 100);
  for (int hint = 0; hint < 256; ++hint) ExpectSame(values, static_cast<ChunkHint>(hint));
  EXPECT_EQ(Encoded(values, 7).size(), Encoded(values, 2).size());
}

TEST(ChunkTest, AStandingSeriesIsNearlyFree) {
  EXPECT_EQ(Encoded(std::vector<double>(120, 0)).size(), 2U);
  EXPECT_LE(Encoded(std::vector<double>(120, 1024)).size(), 3U);
  EXPECT_LE(Encoded(std::vector<double>(120, 1.0 / 3)).size(), 9U);
}

TEST(ChunkTest, AResetOrAStaleMarkerDoesNotWidenTheRest) {
  Random random(1);
  std::vector<double> values;
  double value = 1e9;
  for (int i = 0; i < 120; ++i) values.push_back(value += static_cast<double>(random.Below(60)));
  const std::size_t plain = Encoded(values).size();
  std::vector<double> reset = values;
  for (std::size_t i = 60; i < reset.size(); ++i) reset[i] -= values[60];
  EXPECT_LT(Encoded(reset).size(), plain + 12);
  ExpectSame(reset);
  reset[60] = values[60];  // There and back.
  EXPECT_LT(Encoded(reset).size(), plain + 24);
  ExpectSame(reset);
  values.back() = Bits(kStaleNanBits);
  EXPECT_LT(Encoded(values).size(), plain + 14);
  ExpectSame(values);
}

TEST(ChunkTest, WhatIsNotDecimalCostsAtMostItsBytes) {
  Random random(2);
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(Bits(random.Next()));
  ExpectSame(values);
  EXPECT_LE(Encoded(values).size(), values.size() * 8 + 1);
}

TEST(ChunkTest, RandomSeriesComeBackToTheBit) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t count = 1 + random.Below(round % 10 == 0 ? kChunkSamplesMax : 130);
    const double scale = std::pow(10, static_cast<double>(random.Below(20)) - 4);
    const auto kind = random.Below(6);
    std::vector<double> values;
    double value = std::floor(random.Unit() * 1e6);
    for (std::size_t i = 0; i < count; ++i) {
      if (kind == 0) value = random.Unit() * scale;
      if (kind == 1) value += static_cast<double>(random.Below(100));
      if (kind == 2) value = std::round(random.Unit() * 1e4) / scale;
      if (kind == 3 && random.Below(9) == 0) value += 1;
      if (kind == 4) value = static_cast<double>(random.Next() >> random.Below(64));
      if (kind == 5) value = -value * 1.5;
      const bool odd = random.Below(40) == 0;
      values.push_back(odd ? Bits(random.Next()) : value);
    }
    ExpectSame(values, static_cast<ChunkHint>(random.Below(256)));
    if (HasFatalFailure() || HasFailure()) return;
  }
}

TEST(ChunkTest, CutOrChangedBytesAreRefusedOrDecodeToSomething) {
  Random random(3);
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i * 0.5 + static_cast<double>(random.Below(9)));
  values[50] = Bits(kStaleNanBits);
  const std::string bytes = Encoded(values);
  std::vector<double> back(values.size());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeChunk(std::string_view(bytes).substr(0, size), back)) << size;
  }
  for (int i = 0; i < 5000; ++i) {
    std::string changed = bytes;
    changed[random.Below(changed.size())] ^= static_cast<char>(1 << random.Below(8));
    DecodeChunk(changed, back);  // Under the sanitizers: reads nothing outside.
  }
}

TEST(IntCodecTest, RunsOfEveryShape) {
  const std::vector<std::vector<std::int64_t>> runs = {
      {5},
      {5, 5},
      {INT64_MIN, INT64_MAX},
      {INT64_MAX, INT64_MIN, 0, -1, 1, INT64_MIN},
      {0, 4096, 8192, 4096},
      {1, 2, 3, 4, 5, 6, 7, 8},
      {0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 12}};
  for (const auto& run : runs) {
    std::string bytes;
    EncodeInts(run, bytes, 9);
    EXPECT_EQ(static_cast<unsigned char>(bytes.front()) >> 4, 9);
    bytes += "tail";
    std::string_view rest(bytes);
    std::vector<std::int64_t> back(run.size());
    ASSERT_TRUE(DecodeInts(rest, back));
    EXPECT_EQ(back, run);
    EXPECT_EQ(rest, "tail");
  }
}

}  // namespace
}  // namespace opssight
