#include "common/codec/remote/read.h"

#include <bit>
#include <cmath>
#include <limits>

#include "common/base/random.h"
#include "common/codec/remote/bits.h"
#include "common/codec/remote/chunk.h"

namespace opssight {
namespace {

TEST(ReadRequestTest, ComesBackAsItWent) {
  const ReadRequest request{
      .queries =
          {{.from_ms = -5,
            .to_ms = 1000,
            .matchers = {{.type = ReadMatcher::Type::kEqual, .name = "__name__", .value = "up"},
                         {.type = ReadMatcher::Type::kNotRegex, .name = "job", .value = "a.*"}}},
           {}},
      .accepted = {ReadResponseType::kStreamedXorChunks, ReadResponseType::kSamples}};
  const auto back = DecodeReadRequest(EncodeReadRequest(request), {});
  ASSERT_TRUE(back);
  ASSERT_EQ(back->queries.size(), 2U);
  EXPECT_EQ(back->queries[0].from_ms, -5);
  EXPECT_EQ(back->queries[0].to_ms, 1000);
  ASSERT_EQ(back->queries[0].matchers.size(), 2U);
  EXPECT_EQ(back->queries[0].matchers[1].type, ReadMatcher::Type::kNotRegex);
  EXPECT_EQ(back->queries[0].matchers[1].value, "a.*");
  EXPECT_EQ(back->accepted, request.accepted);
}

TEST(ReadRequestTest, Limits) {
  const ReadRequest request{.queries = {{.matchers = {{}, {}}}, {}}, .accepted = {}};
  const std::string bytes = EncodeReadRequest(request);
  EXPECT_FALSE(DecodeReadRequest(bytes, {.queries_max = 1}));
  EXPECT_FALSE(DecodeReadRequest(bytes, {.matchers_max = 1}));
  EXPECT_FALSE(DecodeReadRequest("\xff", {}));
}

std::vector<WriteSample> Samples(std::size_t count) {
  Random random(7);
  std::vector<WriteSample> out;
  std::int64_t time = 1'767'225'600'000;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t kind = random.Below(6);
    const double special[] = {0.0, -0.0, HUGE_VAL, std::bit_cast<double>(kStaleNanBits),
                              NAN, 1e300};
    const double value = random.Below(10) == 0 ? special[kind] : static_cast<double>(i) * 0.25;
    out.push_back({.time_ms = time, .value = value});
    time += random.Below(20) == 0 ? static_cast<std::int64_t>(random.Below(1UL << 40))
                                  : 15'000 + static_cast<std::int64_t>(random.Below(5)) - 2;
  }
  return out;
}

std::string Text(const std::vector<WriteSample>& samples) {
  std::string text;
  for (const WriteSample& sample : samples) {
    text += std::to_string(sample.time_ms) + ":" +
            std::to_string(std::bit_cast<std::uint64_t>(sample.value)) + " ";
  }
  return text;
}

// By hand, from the format: count, zigzag(1000), 1.0, 15000, no change.
TEST(XorChunkTest, KnownBytes) {
  const std::vector<WriteSample> samples = {{.time_ms = 1000, .value = 1},
                                            {.time_ms = 16'000, .value = 1}};
  EXPECT_EQ(remote::EncodeXorChunk(samples),
            std::string("\x00\x02\xd0\x0f\x3f\xf0\x00\x00\x00\x00\x00\x00\x98\x75\x00", 15));
}

TEST(XorChunkTest, ComesBackAsItWent) {
  for (const std::size_t count : {1, 2, 3, 120, 1000}) {
    const std::vector<WriteSample> samples = Samples(count);
    std::vector<WriteSample> back;
    ASSERT_TRUE(remote::DecodeXorChunk(remote::EncodeXorChunk(samples), back));
    EXPECT_EQ(Text(back), Text(samples));
  }
}

TEST(XorChunkTest, CutBytesAreNoChunk) {
  const std::string bytes = remote::EncodeXorChunk(Samples(20));
  for (std::size_t size = 0; size + 1 < bytes.size(); ++size) {
    std::vector<WriteSample> back;
    EXPECT_FALSE(remote::DecodeXorChunk(std::string_view(bytes).substr(0, size), back)) << size;
  }
}

TEST(BitsTest, VarbitComesBackAsItWent) {
  std::string bytes;
  remote::BitWriter out(bytes);
  const std::int64_t numbers[] = {0,         1,         -1,        4,           -3,     5,
                                  32,        -31,       33,        -1'000,      40'000, -9'000'000,
                                  INT64_MAX, INT64_MIN, 1LL << 55, -(1LL << 55)};
  for (const std::int64_t number : numbers) remote::PutVarbitInt(out, number);
  for (const std::int64_t number : numbers) {
    remote::PutVarbitUint(out, static_cast<std::uint64_t>(number));
  }
  remote::BitReader in(bytes);
  for (const std::int64_t number : numbers) EXPECT_EQ(remote::GetVarbitInt(in), number);
  for (const std::int64_t number : numbers) {
    EXPECT_EQ(remote::GetVarbitUint(in), static_cast<std::uint64_t>(number));
  }
  EXPECT_FALSE(in.ended());
}

WriteHistogram Native(std::int64_t time_ms, double scale) {
  return {.time_ms = time_ms,
          .histogram = {.schema = 1,
                        .zero_threshold = 0x1p-128,
                        .zero_count = 2 * scale,
                        .count = 12 * scale,
                        .sum = 18.4 * scale,
                        .positive_spans = {{.offset = -2, .length = 2}, {.offset = 1, .length = 1}},
                        .negative_spans = {{.offset = 3, .length = 1}},
                        .positive = {1 * scale, 2 * scale, 3 * scale},
                        .negative = {4 * scale}}};
}

WriteHistogram Custom(std::int64_t time_ms) {
  return {.time_ms = time_ms,
          .histogram = {.schema = kCustomBucketsSchema,
                        .count = 3,
                        .sum = 4,
                        .positive_spans = {{.offset = 0, .length = 3}},
                        .positive = {1, 1, 1},
                        .custom_values = {0.005, 1.0 / 3}}};
}

void ExpectSame(const Histogram& a, const Histogram& b) {
  EXPECT_EQ(a.schema, b.schema);
  EXPECT_EQ(a.zero_threshold, b.zero_threshold);
  EXPECT_EQ(a.zero_count, b.zero_count);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.sum), std::bit_cast<std::uint64_t>(b.sum));
  EXPECT_EQ(a.positive_spans, b.positive_spans);
  EXPECT_EQ(a.negative_spans, b.negative_spans);
  EXPECT_EQ(a.positive, b.positive);
  EXPECT_EQ(a.negative, b.negative);
  EXPECT_EQ(a.custom_values, b.custom_values);
}

TEST(HistogramChunkTest, OneLayoutAndNoResetGoTogether) {
  WriteHistogram stale{.time_ms = 50, .histogram = {.sum = std::bit_cast<double>(kStaleNanBits)}};
  WriteHistogram gauge = Native(80, 9);
  gauge.histogram.hint = ResetHint::kGauge;
  const std::vector<WriteHistogram> all = {Native(10, 1), Native(20, 2), Native(31, 2),
                                           Native(40, 1), stale,         Custom(60),
                                           Custom(70),    gauge};
  std::vector<std::size_t> sizes;
  std::vector<WriteHistogram> back;
  for (std::size_t i = 0; i < all.size();) {
    const auto rest = std::span(all).subspan(i);
    const std::size_t count = remote::HistogramsInChunk(rest, 120);
    sizes.push_back(count);
    ASSERT_TRUE(
        remote::DecodeHistogramChunk(remote::EncodeHistogramChunk(rest.first(count)), 1000, back));
    i += count;
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 1, 1, 2, 1}));
  ASSERT_EQ(back.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(back[i].time_ms, all[i].time_ms);
    ExpectSame(back[i].histogram, all[i].histogram);
  }
  EXPECT_EQ(back[0].histogram.hint, ResetHint::kUnknown);
  EXPECT_EQ(back[1].histogram.hint, ResetHint::kNotReset);
  EXPECT_EQ(back[7].histogram.hint, ResetHint::kGauge);
}

std::vector<ReadSeries> Series() {
  return {{.labels = {{"__name__", "a"}}, .samples = Samples(500)},
          {.labels = {{"__name__", "b"}, {"job", "x"}},
           .samples = Samples(3),
           .histograms = {Native(10, 1), Native(20, 2)}}};
}

TEST(ReadResponseTest, SamplesComeBackAsTheyWent) {
  const auto back = DecodeReadResponse(EncodeReadResponse({Series(), {}}), {});
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 2U);
  ASSERT_EQ((*back)[0].size(), 2U);
  EXPECT_EQ((*back)[0][1].labels, Series()[1].labels);
  EXPECT_EQ(Text((*back)[0][0].samples), Text(Samples(500)));
  ExpectSame((*back)[0][1].histograms[1].histogram, Native(20, 2).histogram);
  EXPECT_TRUE((*back)[1].empty());
}

TEST(ReadResponseTest, AStreamComesBackAsItWentInSmallFrames) {
  std::string bytes;
  const ReadLimits limits{.frame_bytes_max = 500};
  ChunkStreamWriter writer(limits, bytes);
  for (const ReadSeries& series : Series()) writer.Add(1, series);
  const auto back = DecodeChunkStream(bytes, {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_GT(back->size(), 3U);
  std::vector<WriteSample> first;
  for (const StreamedSeries& part : *back) {
    EXPECT_EQ(part.query, 1U);
    if (part.series.labels != Series()[0].labels) continue;
    first.insert(first.end(), part.series.samples.begin(), part.series.samples.end());
  }
  EXPECT_EQ(Text(first), Text(Samples(500)));
  EXPECT_EQ(back->back().series.histograms.size(), 2U);
  bytes[10] = static_cast<char>(bytes[10] + 1);
  EXPECT_FALSE(DecodeChunkStream(bytes, {}));
}

}  // namespace
}  // namespace opssight
