#include "aggregator/inputs/write_intake.h"

#include <bit>
#include <numeric>

#include "common/base/random.h"
#include "tests/aggregator/inputs/intake_fixture.h"

namespace opssight {
namespace {

class WriteIntakeTest : public testing::Test {
 protected:
  WriteIntake::Taken Take(const std::vector<TestSeries>& series,
                          WriteVersion version = WriteVersion::kV1) {
    bytes_ = EncodeTest(series, version);
    EXPECT_TRUE(DecodeWrite(bytes_, version, intake_.limits(), request_));
    WriteIntake::Taken taken = intake_.Take(request_, version, kNowMs);
    for (const auto& frame : taken.plan.layouts)
      layouts_[frame->id] = *DecodeLayout(frame->frame, {});
    return taken;
  }
  // As a store would: every value under its series and time.
  void Keep(const WriteIntake::Taken& taken) {
    for (const LayoutRows& rows : taken.contents.layout_rows) {
      const auto layout = layouts_.find(rows.layout);
      ASSERT_NE(layout, layouts_.end()) << "a layout that never came";
      const auto& series = layout->second->series();
      ASSERT_EQ(rows.values.size(), rows.times.size() * series.size());
      for (std::size_t i = 0; i < rows.values.size(); ++i) {
        stored_[series[i % series.size()].labels.PrometheusText()][rows.times[i / series.size()]] =
            rows.values[i];
        ++values_;
      }
    }
    intake_.Stored(taken.plan, static_cast<std::uint32_t>(kNowMs / 86'400'000));
  }

  WriteIntake intake_{{.past_ms = 30LL * 86'400'000}};
  WriteRequest request_;
  std::string bytes_;
  std::map<LayoutId, std::shared_ptr<const Layout>> layouts_;
  std::map<std::string, std::map<std::int64_t, double>> stored_;
  std::size_t values_ = 0;
};

TEST_F(WriteIntakeTest, SeriesThatCameAndWentAreForgotten) {
  constexpr std::int64_t kHourMs = 3'600'000;
  for (std::int64_t hour = 0; hour < 20; ++hour) {
    const std::int64_t now_ms = kNowMs + (hour - 20) * kHourMs;
    Keep(Take(Scrape("host " + std::to_string(hour), 100, now_ms)));
    const WriteIntake::Taken stays = Take(Scrape("stays", 100, now_ms));
    EXPECT_EQ(stays.plan.layouts.empty(), hour != 0);
    Keep(stays);
  }
  EXPECT_LE(intake_.series(), 500U);
  EXPECT_EQ(stored_.size(), 2100U);
}

TEST_F(WriteIntakeTest, AScrapeIsAFewRowsAndItsLayoutsComeOnce) {
  const WriteIntake::Taken first = Take(Scrape("a", 600, kNowMs));
  EXPECT_EQ(first.written.samples, 600U);
  EXPECT_FALSE(first.bad);
  EXPECT_LT(first.contents.layout_rows.size(), 20U);
  EXPECT_EQ(first.plan.layouts.size(), first.contents.layout_rows.size());
  Keep(first);
  const WriteIntake::Taken second = Take(Scrape("a", 600, kNowMs + 1000));
  EXPECT_TRUE(second.plan.layouts.empty());
  EXPECT_EQ(second.contents.layout_rows.size(), first.contents.layout_rows.size());
  Keep(second);
  EXPECT_EQ(values_, 1200U);
  EXPECT_EQ(stored_.size(), 600U);
  EXPECT_EQ((stored_["m4{i=\"42\", instance=\"a\"}"][kNowMs + 1000]), 42);
}

TEST_F(WriteIntakeTest, UntilTheCommitLayoutsComeAlong) {
  const std::size_t count = Take(Scrape("a", 100, kNowMs)).plan.layouts.size();
  const WriteIntake::Taken again = Take(Scrape("a", 100, kNowMs + 1));
  EXPECT_EQ(again.plan.layouts.size(), count);
  Keep(again);
  EXPECT_EQ(Take(Scrape("a", 100, kNowMs + 2)).plan.layouts.size(), 0U);
  intake_.NotStored(true);
  EXPECT_EQ(Take(Scrape("a", 100, kNowMs + 3)).plan.layouts.size(), count);
}

// A sender fills requests of 2,000 samples, whatever scrape they are of: rows stay few and
// the number of layouts does not grow with the requests.
TEST_F(WriteIntakeTest, RequestsCutAnywhereKeepTheirLayouts) {
  std::vector<TestSeries> stream;
  std::size_t rows = 0;
  std::size_t requests = 0;
  std::vector<std::size_t> layouts;
  std::size_t sent = 0;
  for (int round = 0; round < 100; ++round) {
    for (int host = 0; host < 20; ++host) {
      const auto scrape =
          Scrape("h" + std::to_string(host), 524, kNowMs - 1'000'000 + round * 1000 + host);
      stream.insert(stream.end(), scrape.begin(), scrape.end());
      if (stream.size() < 2000) continue;
      const std::vector<TestSeries> request(stream.begin(), stream.begin() + 2000);
      stream.erase(stream.begin(), stream.begin() + 2000);
      const WriteIntake::Taken taken = Take(request);
      Keep(taken);
      sent += 2000;
      if (round >= 20) {
        rows += taken.contents.layout_rows.size();
        ++requests;
      }
    }
    layouts.push_back(layouts_.size());
  }
  EXPECT_EQ(values_, sent);
  EXPECT_LT(rows / requests, 70U);
  // Of 10,480 series: what came with the last 50 rounds is little.
  EXPECT_LT(layouts[99] - layouts[49], 2000U);
  RecordProperty("rows_a_request", static_cast<int>(rows / requests));
  RecordProperty("layouts", static_cast<int>(layouts[99]));
}

TEST_F(WriteIntakeTest, SeveralTimesOfASeriesInOneRequest) {
  std::vector<TestSeries> series = Scrape("a", 3, kNowMs);
  for (TestSeries& one : series) one.samples.push_back({.time_ms = kNowMs - 500, .value = 9});
  Keep(Take(series));
  EXPECT_EQ(values_, 6U);
  EXPECT_EQ((stored_["m0{i=\"2\", instance=\"a\"}"][kNowMs]), 2);
  EXPECT_EQ((stored_["m0{i=\"2\", instance=\"a\"}"][kNowMs - 500]), 9);
}

TEST_F(WriteIntakeTest, BadLabelsCostTheirSeries) {
  const std::vector<TestSeries> series = {
      {.labels = {{"job", "x"}}, .samples = {{.time_ms = kNowMs, .value = 1}}},
      {.labels = {{"__name__", "good"}}, .samples = {{.time_ms = kNowMs, .value = 1}}}};
  const WriteIntake::Taken one = Take(series);
  EXPECT_FALSE(one.bad);  // As Prometheus: skipped, and 204.
  EXPECT_EQ(one.written.samples, 1U);
  const WriteIntake::Taken two = Take(series, WriteVersion::kV2);
  EXPECT_TRUE(two.bad);
  EXPECT_EQ(two.written.samples, 1U);
  EXPECT_EQ(intake_.stats().bad_series[static_cast<std::size_t>(LabelFault::kNoName)].value(), 2U);
  EXPECT_EQ(intake_.stats().bad_samples.value(), 2U);
}

TEST_F(WriteIntakeTest, AboveALimitTheSenderIsTold) {
  const std::vector<TestSeries> series = {
      {.labels = {{"__name__", "big"}, {"l", std::string(10'000'000, 'x')}},
       .samples = {{.time_ms = kNowMs, .value = 1}}},
      {.labels = {{"__name__", "good"}}, .samples = {{.time_ms = kNowMs, .value = 1}}}};
  for (int round = 0; round < 2; ++round) {  // Remembered as bad, too.
    const WriteIntake::Taken taken = Take(series);
    EXPECT_TRUE(taken.bad);
    EXPECT_FALSE(taken.refused);
    EXPECT_EQ(taken.written.samples, 1U);
    EXPECT_EQ(taken.errors,
              "invalid labels of series 0 of the request: label_too_long, limit 1024 bytes for a "
              "name, 8192 for a value, 32768 for all of a series");
  }
}

TEST_F(WriteIntakeTest, TimesOutOfBoundsRefuseAllOfOneAndPartOfTwo) {
  for (const std::int64_t time_ms :
       {kNowMs + 600'001, kNowMs - std::int64_t{31} * 86'400'000, std::int64_t{-1}}) {
    std::vector<TestSeries> series = Scrape("a", 2, kNowMs);
    series[0].samples[0].time_ms = time_ms;
    EXPECT_TRUE(Take(series).refused);
    const WriteIntake::Taken two = Take(series, WriteVersion::kV2);
    EXPECT_FALSE(two.refused);
    EXPECT_TRUE(two.bad);
    EXPECT_EQ(two.written.samples, 1U);
  }
  EXPECT_EQ(intake_.stats().too_new.value(), 2U);
  EXPECT_EQ(intake_.stats().too_old.value(), 4U);
  EXPECT_FALSE(Take(Scrape("a", 1, kNowMs + 600'000)).refused);
}

TEST_F(WriteIntakeTest, HistogramsAndTheirStaleMarkers) {
  const Histogram good{
      .schema = 0, .count = 1, .sum = 1, .positive_spans = {{.length = 1}}, .positive = {1}};
  Histogram bad = good;
  bad.positive.push_back(1);
  Histogram stale = bad;
  stale.sum = std::bit_cast<double>(kStaleNanBits);
  const WriteIntake::Taken taken =
      Take({{.labels = {{"__name__", "h"}},
             .histograms = {{.time_ms = kNowMs, .histogram = good},
                            {.time_ms = kNowMs + 1, .histogram = bad},
                            {.time_ms = kNowMs + 2, .histogram = stale}}}});
  EXPECT_EQ(taken.written.histograms, 2U);
  EXPECT_TRUE(taken.bad);
  EXPECT_THAT(taken.errors,
              testing::HasSubstr("spans need 1 buckets, have 2 buckets for series h"));
  ASSERT_EQ(taken.contents.histograms.size(), 2U);
  EXPECT_TRUE(taken.contents.histograms[1].histogram.positive.empty());
  EXPECT_EQ(taken.contents.histograms[0].series->PrometheusText(), "h");
}

TEST_F(WriteIntakeTest, MetadataOfTwoIsOfTheFamilyAndToldOnce) {
  const std::vector<TestSeries> series = {{.labels = {{"__name__", "lat_bucket"}, {"le", "1"}},
                                           .samples = {{.time_ms = kNowMs, .value = 1}},
                                           .type = MetricType::kHistogram,
                                           .help = "Latency."}};
  const WriteIntake::Taken taken = Take(series, WriteVersion::kV2);
  ASSERT_EQ(taken.contents.metadata.size(), 1U);
  EXPECT_EQ(taken.contents.metadata[0],
            (MetricMetadata{
                .name = "lat", .type = MetricType::kHistogram, .help = "Latency.", .unit = ""}));
  EXPECT_TRUE(Take(series, WriteVersion::kV2).contents.metadata.empty());
  intake_.NotStored(false);  // It must come again, though its series is known.
  EXPECT_EQ(Take(series, WriteVersion::kV2).contents.metadata, taken.contents.metadata);
  EXPECT_TRUE(Take(series, WriteVersion::kV2).contents.metadata.empty());
  ASSERT_EQ(taken.plan.layouts.size(), 1U);
  EXPECT_EQ((*DecodeLayout(taken.plan.layouts[0]->frame, {}))->series()[0].type,
            MetricType::kHistogram);
}

}  // namespace
}  // namespace opssight
