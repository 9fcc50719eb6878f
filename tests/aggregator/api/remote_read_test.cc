#include "aggregator/api/remote_read.h"

#include <bit>

#include "common/bytes/snappy.h"

namespace opssight {
namespace {

class FixedSource final : public SeriesSource {
 public:
  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override {
    asked.push_back(limits.samples_max);
    if (fails) return Exhausted("too many samples");
    std::vector<Series> out;
    for (const char* host : {"b", "a"}) {
      Series series{.labels = {{"__name__", "up"}, {"host", host}}};
      if (!MatchesAll(matchers, series.labels)) continue;
      for (std::int64_t t = from_ms; t <= to_ms; t += 10) series.samples.push_back({t, 1.5});
      series.samples.push_back({to_ms, std::bit_cast<double>(kStaleNanBits)});
      series.histograms.push_back(
          {to_ms + 1, std::make_shared<const Histogram>(Histogram{.count = 1, .sum = 2})});
      out.push_back(std::move(series));
    }
    return out;
  }
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                           const QueryLimits&) const override {
    return std::vector<Labels>();
  }
  bool fails = false;
  mutable std::vector<std::uint64_t> asked;  // samples_max of each call.
};

class RemoteReadTest : public testing::Test {
 protected:
  HttpResponse Ask(const ReadRequest& request) {
    return AskBody(SnappyCompress(EncodeReadRequest(request)));
  }
  HttpResponse AskBody(std::string body) {
    HttpRequest request;
    request.method = "POST";
    request.body = std::move(body);
    return AnswerRemoteRead(request, source_, {}, {});
  }
  FixedSource source_;
  ReadRequest request_{.queries = {{.from_ms = 0, .to_ms = 95, .matchers = {}},
                                   {.from_ms = 0,
                                    .to_ms = 5,
                                    .matchers = {{.type = ReadMatcher::Type::kRegex,
                                                  .name = "host",
                                                  .value = "b|c"}}}},
                       .accepted = {}};
};

TEST_F(RemoteReadTest, Samples) {
  const HttpResponse response = Ask(request_);
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.headers[0].second, "application/x-protobuf");
  EXPECT_EQ(response.headers[1].second, "snappy");
  std::string bytes;
  ASSERT_TRUE(SnappyDecompress(response.body, 1 << 20, bytes));
  const auto results = DecodeReadResponse(bytes, {});
  ASSERT_TRUE(results);
  ASSERT_EQ(results->size(), 2U);
  ASSERT_EQ((*results)[0].size(), 2U);
  EXPECT_EQ((*results)[0][0].labels.Get("host"), "a");  // Sorted.
  EXPECT_EQ((*results)[0][0].samples.size(), 11U);
  EXPECT_EQ(std::bit_cast<std::uint64_t>((*results)[0][0].samples.back().value), kStaleNanBits);
  EXPECT_EQ((*results)[0][0].histograms.size(), 1U);
  ASSERT_EQ((*results)[1].size(), 1U);
  EXPECT_EQ((*results)[1][0].labels.Get("host"), "b");
}

TEST_F(RemoteReadTest, AllQueriesShareOneLimit) {
  Ask(request_);
  request_.accepted = {ReadResponseType::kStreamedXorChunks};
  Ask(request_);
  // Two series of eleven floats and a histogram.
  const std::uint64_t all = QueryLimits().samples_max;
  EXPECT_THAT(source_.asked, testing::ElementsAre(all, all - 24, all, all - 24));
}

TEST_F(RemoteReadTest, Chunks) {
  request_.accepted = {ReadResponseType::kStreamedXorChunks, ReadResponseType::kSamples};
  const HttpResponse response = Ask(request_);
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.headers[0].second,
            "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  const auto parts = DecodeChunkStream(response.body, {});
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ((*parts)[0].series.labels.Get("host"), "a");
  EXPECT_EQ((*parts)[0].series.samples.size(), 11U);
  EXPECT_EQ((*parts)[0].series.histograms.size(), 1U);
  EXPECT_EQ((*parts)[2].query, 1U);
  request_.accepted = {ReadResponseType::kSamples, ReadResponseType::kStreamedXorChunks};
  EXPECT_EQ(Ask(request_).headers[0].second, "application/x-protobuf");
}

TEST_F(RemoteReadTest, Errors) {
  EXPECT_EQ(AskBody("zz").status, 400);
  EXPECT_EQ(AskBody(SnappyCompress("\xff")).status, 400);
  request_.queries[1].matchers[0].value = "(";
  EXPECT_EQ(Ask(request_).status, 400);
  source_.fails = true;
  const HttpResponse response = Ask({.queries = {{}}, .accepted = {}});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "too many samples\n");
}

}  // namespace
}  // namespace opssight
