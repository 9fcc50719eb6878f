// promtool asks us as it asks Prometheus. Debian's 2.42 has no `push metrics`, no `check
// healthy` and no `query analyze`: what those send is in recorded_test.cc. Skipped where
// promtool is not installed.
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "common/bytes/snappy.h"
#include "common/codec/remote/write.h"
#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

constexpr const char* kPromtool = "/usr/bin/promtool";
constexpr std::int64_t kSamples = 60;
constexpr std::int64_t kIntervalMs = 15'000;

class Promtool : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kPromtool)) GTEST_SKIP() << "promtool is not installed";
    ASSERT_EQ(Why(world_.programs().WriteConfigs()), "");
    ASSERT_EQ(Why(world_.programs().aggregator().Start()), "");
    ASSERT_EQ(Why(world_.programs().WaitForAggregator(kSoon)), "");
    Push();
    ASSERT_TRUE(world_.Comes("{} => 2 @", [&] { return Query("count(requests_total)"); }));
  }

  // A quarter of an hour of two counters, to a minute ago.
  void Push() {
    std::vector<WriteSeriesOut> series;
    for (const std::string_view job : {"api", "db"}) {
      WriteSeriesOut& out = series.emplace_back();
      out.labels = {{"__name__", "requests_total"}, {"job", job}};
      for (std::int64_t i = 0; i < kSamples; ++i) {
        out.samples.push_back({.time_ms = last_ms_ - (kSamples - 1 - i) * kIntervalMs,
                               .value = static_cast<double>(i * 30)});
      }
    }
    const HttpAnswer answer =
        HttpPost(url() + "/api/v1/write", SnappyCompress(EncodeWriteV1(series, {})),
                 {"Content-Type: application/x-protobuf", "Content-Encoding: snappy",
                  "X-Prometheus-Remote-Write-Version: 0.1.0"});
    ASSERT_EQ(answer.status, 204) << answer.body;
  }

  std::string url() { return world_.programs().url(); }
  std::string At() const { return std::to_string(last_ms_ / 1000); }
  // What it prints, or what is wrong.
  static std::string Tool(std::vector<std::string> words) {
    words.insert(words.begin(), kPromtool);
    auto said = opssight::Run(words);
    return said ? *std::move(said) : said.error().message;
  }
  std::string Query(const std::string& query) {
    return Tool({"query", "instant", "--time=" + At(), url(), query});
  }

  E2eWorld world_;
  const std::int64_t last_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                                    std::chrono::system_clock::now().time_since_epoch())
                                        .count() /
                                    60'000 * 60'000 -
                                60'000;
};

TEST_F(Promtool, Queries) {
  EXPECT_EQ(Query("requests_total{job=\"api\"}"),
            fmt::format("requests_total{{job=\"api\"}} => 1770 @[{}]\n", At()));
  EXPECT_EQ(Query("sum by (job) (round(rate(requests_total{job=\"db\"}[5m]), 0.001))"),
            fmt::format("{{job=\"db\"}} => 2 @[{}]\n", At()));
  EXPECT_THAT(Query("1 + 1"), testing::StartsWith("scalar: 2 @"));
  EXPECT_THAT(Query("sum("), testing::HasSubstr("parse error"));
  EXPECT_EQ(Tool({"query", "range", "--start=" + std::to_string(last_ms_ / 1000 - 60),
                  "--end=" + At(), "--step=30s", url(), "sum(requests_total)"}),
            fmt::format("{{}} =>\n3300 @[{}]\n3420 @[{}]\n3540 @[{}]\n", last_ms_ / 1000 - 60,
                        last_ms_ / 1000 - 30, last_ms_ / 1000));
}

TEST_F(Promtool, SeriesAndLabels) {
  EXPECT_EQ(Tool({"query", "series", "--match=requests_total", url()}),
            "{__name__=\"requests_total\", job=\"api\"}\n"
            "{__name__=\"requests_total\", job=\"db\"}\n");
  EXPECT_EQ(Tool({"query", "labels", url(), "job"}), "api\ndb\n");
}

}  // namespace
}  // namespace opssight
