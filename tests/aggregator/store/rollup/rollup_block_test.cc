#include "aggregator/store/rollup/rollup_block.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "common/model/record.h"

namespace opssight {
namespace {

constexpr DayNumber kDay = 20'000;
constexpr std::int64_t kDayMs = kDay * kMsPerDay;

double Stale() {
  return std::bit_cast<double>(kStaleNanBits);
}

// Samples of a day: counters with resets, gauges, constants; with NaN and stale markers.
std::vector<Sample> RandomSamples(std::mt19937_64& random) {
  std::vector<Sample> out;
  const auto kind = random() % 4;
  double value = 100;
  std::int64_t at = kDayMs + static_cast<std::int64_t>(random() % 3 == 0 ? 0 : random() % 100'000);
  while (at < kDayMs + kMsPerDay) {
    if (kind == 0) value = random() % 200 == 0 ? 0 : value + static_cast<double>(random() % 9);
    if (kind == 1) value = static_cast<double>(random() % 10'000) / 100 - 50;
    if (kind == 2 && random() % 300 == 0) value = std::numeric_limits<double>::quiet_NaN();
    if (kind == 3) value = std::sqrt(static_cast<double>(random() % 1000));
    out.push_back({.time_ms = at, .value = random() % 50 == 0 ? Stale() : value});
    at += 1000 + static_cast<std::int64_t>(random() % 30'000);
    if (random() % 200 == 0) at += static_cast<std::int64_t>(random() % 10'000'000);
  }
  return out;
}

void ExpectSame(const DayBuckets& want, const DayBuckets& got) {
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  ASSERT_EQ(want.size(), got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const TimeBucket& a = want[i].bucket;
    const TimeBucket& b = got[i].bucket;
    EXPECT_EQ(want[i].number, got[i].number);
    EXPECT_EQ(a.count, b.count);
    EXPECT_EQ(a.stale, b.stale);
    if (a.count == 0) continue;
    EXPECT_EQ(a.first_ms, b.first_ms);
    EXPECT_EQ(a.last_ms, b.last_ms);
    EXPECT_EQ(bits(a.first), bits(b.first));
    EXPECT_EQ(bits(a.last), bits(b.last));
    EXPECT_EQ(bits(a.min), bits(b.min));
    EXPECT_EQ(bits(a.max), bits(b.max));
    EXPECT_EQ(bits(a.sum), bits(b.sum));
    EXPECT_EQ(bits(a.carry), bits(b.carry));
    EXPECT_EQ(a.resets, b.resets);
    EXPECT_EQ(a.changes, b.changes);
  }
}

TEST(RollupBlockTest, ComesBackToTheBit) {
  std::mt19937_64 random(7);
  for (const std::int64_t resolution_ms : {kFineMs, kCoarseMs}) {
    RollupBlockWriter writer({.high = 1, .low = 2});
    std::vector<EncodedBuckets> encoded;
    std::vector<DayBuckets> all;
    for (int i = 0; i < 40; ++i) {
      DayBuckets buckets;
      if (i != 7) AddSamples(kDay, resolution_ms, RandomSamples(random), buckets);
      encoded.push_back(EncodeBuckets(kDay, resolution_ms, buckets));
      all.push_back(std::move(buckets));
    }
    for (const EncodedBuckets& one : encoded) writer.Add(one.shape, one.values);
    writer.Add({}, {});
    const std::string bytes = writer.Finish();
    auto block = RollupBlock::Open(bytes, kDay, resolution_ms);
    ASSERT_TRUE(block.has_value()) << block.error().message;
    ASSERT_EQ(41U, block->size());
    EXPECT_EQ((Hash128{.high = 1, .low = 2}), block->list());
    EXPECT_TRUE(block->NeedsSamples(40));
    EXPECT_TRUE(block->IsEmpty(7));
    EXPECT_FALSE(block->IsEmpty(40));
    for (std::size_t i = 0; i < 40; ++i) {
      DayBuckets got;
      ASSERT_TRUE(block->Read(i, kAllBucketParts, got)) << i;
      ExpectSame(all[i], got);
    }
  }
}

TEST(RollupBlockTest, PartsAreThoseOfTheWhole) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20; ++i) {
    DayBuckets buckets;
    AddSamples(kDay, kFineMs, RandomSamples(random), buckets);
    const EncodedBuckets encoded = EncodeBuckets(kDay, kFineMs, buckets);
    RollupBlockWriter writer({});
    writer.Add(encoded.shape, encoded.values);
    const std::string bytes = writer.Finish();
    auto block = RollupBlock::Open(bytes, kDay, kFineMs);
    ASSERT_TRUE(block.has_value());
    DayBuckets min;
    DayBuckets max;
    ASSERT_TRUE(block->Read(0, {.min = true}, min));
    ASSERT_TRUE(block->Read(0, {.max = true}, max));
    for (std::size_t k = 0; k < buckets.size(); ++k) {
      const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
      if (buckets[k].bucket.count == 0) continue;
      EXPECT_EQ(bits(buckets[k].bucket.min), bits(min[k].bucket.min));
      EXPECT_EQ(bits(buckets[k].bucket.max), bits(max[k].bucket.max));
    }
  }
}

TEST(RollupBlockTest, EveryByteCounts) {
  std::mt19937_64 random(5);
  DayBuckets buckets;
  AddSamples(kDay, kCoarseMs, RandomSamples(random), buckets);
  const EncodedBuckets encoded = EncodeBuckets(kDay, kCoarseMs, buckets);
  RollupBlockWriter writer({});
  writer.Add(encoded.shape, encoded.values);
  const std::string bytes = writer.Finish();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] ^= 4;
    EXPECT_FALSE(RollupBlock::Open(bad, kDay, kCoarseMs).has_value()) << i;
    const std::string_view cut = std::string_view(bytes).substr(0, i);
    EXPECT_FALSE(RollupBlock::Open(cut, kDay, kCoarseMs).has_value()) << i;
  }
}

TEST(DayBucketsTest, HoursAreMadeOfFiveMinutes) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20; ++i) {
    const std::vector<Sample> samples = RandomSamples(random);
    DayBuckets fine;
    DayBuckets coarse;
    AddSamples(kDay, kFineMs, samples, fine);
    AddSamples(kDay, kCoarseMs, samples, coarse);
    const DayBuckets made = Coarser(fine, kCoarseMs / kFineMs);
    ASSERT_EQ(coarse.size(), made.size());
    for (std::size_t k = 0; k < made.size(); ++k) {
      EXPECT_EQ(coarse[k].number, made[k].number);
      EXPECT_EQ(coarse[k].bucket.count, made[k].bucket.count);
      EXPECT_EQ(coarse[k].bucket.changes, made[k].bucket.changes);
      EXPECT_EQ(coarse[k].bucket.resets, made[k].bucket.resets);
      EXPECT_EQ(coarse[k].bucket.stale, made[k].bucket.stale);
    }
  }
}

TEST(DayBucketsTest, SumsThatOverflowAreNotExact) {
  DayBuckets buckets;
  AddSamples(kDay, kFineMs,
             std::vector<Sample>{{.time_ms = kDayMs + 1, .value = 1e308},
                                 {.time_ms = kDayMs + 2, .value = 1e308}},
             buckets);
  EXPECT_FALSE(AreExact(buckets));
  buckets.clear();
  const double inf = std::numeric_limits<double>::infinity();
  AddSamples(kDay, kFineMs, std::vector<Sample>{{.time_ms = kDayMs + 1, .value = inf}}, buckets);
  EXPECT_TRUE(AreExact(buckets));
}

}  // namespace
}  // namespace opssight
