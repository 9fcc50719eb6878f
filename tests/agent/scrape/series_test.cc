#include "agent/scrape/series.h"

#include <bit>

#include <gtest/gtest.h>

#include "common/text/number.h"
#include "tests/support/null_sink.h"

namespace opssight {
namespace {

class PrintSink final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const LayoutSeries& series = row.layout->series()[i];
      Put(series.labels, row.time_ms, row.values[i], "");
    }
  }
  void AcceptHistograms(std::vector<HistogramRow> rows) override {
    for (const HistogramRow& row : rows) {
      Put(*row.series, row.time_ms, row.histogram.sum,
          "histogram of " + FormatDouble(row.histogram.count) + ", sum ");
    }
  }
  void AcceptExemplars(std::vector<Exemplar> exemplars) override {
    for (const Exemplar& one : exemplars) {
      Put(*one.series, one.time_ms, one.value, "exemplar " + Labels(one.labels).ToString() + " ");
    }
  }
  void AcceptMetadata(std::vector<MetricMetadata> metadata) override {
    for (const MetricMetadata& one : metadata) out += "about " + one.name + ": " + one.help + "\n";
  }

  std::string Take() { return std::exchange(out, ""); }
  std::string out;

 private:
  void Put(const Labels& labels, std::int64_t time_ms, double value, const std::string& what) {
    // The report has tests of its own.
    const std::string text = labels.PrometheusText();
    if (!report && (text.starts_with("scrape_") || text.starts_with("up{"))) return;
    const bool stale = std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
    out += text + " " + what + (stale ? "stale" : FormatDouble(value)) + " @" +
           std::to_string(time_ms) + "\n";
  }

 public:
  bool report = false;
};

class SeriesTest : public testing::Test {
 protected:
  std::string Scrape(const std::string& body, std::int64_t time_ms = 1000,
                     const std::string& type = "text/plain") {
    const FetchResult answer = FetchAnswer{.status = 200, .content_type = type, .body = body};
    return Take(answer, time_ms);
  }
  std::string Take(const FetchResult& answer, std::int64_t time_ms) {
    if (series_ == nullptr) series_ = std::make_unique<TargetSeries>(rules_, target_, stats_);
    error_ = series_->Scraped({.time_ms = time_ms, .duration_s = 0.5, .answer = &answer}, sink_);
    return sink_.Take();
  }
  static Relabeler Rules(const std::vector<RelabelOptions>& rules) {
    return *Relabeler::Make(rules);
  }

  SeriesRules rules_{.series_max = 1000};
  Target target_{.labels = Labels{{"job", "j"}, {"instance", "i"}}, .timeout_ms = 5000};
  ScrapeStats stats_;
  std::unique_ptr<TargetSeries> series_;
  std::string error_;
  PrintSink sink_;
};

TEST_F(SeriesTest, LabelsOfTheTarget) {
  rules_.common = {{"host", "h"}, {"job", "not this"}};
  EXPECT_EQ(Scrape("a{b=\"c\"} 1\n"),
            "a{b=\"c\", host=\"h\", instance=\"i\", job=\"j\"} 1 @1000\n");
}

TEST_F(SeriesTest, ClashesAreRenamed) {
  EXPECT_EQ(
      Scrape("a{job=\"own\"} 1\nb{job=\"own\",exported_job=\"x\"} 2\n"),
      "a{exported_job=\"own\", instance=\"i\", job=\"j\"} 1 @1000\n"
      "b{exported_exported_job=\"own\", exported_job=\"x\", instance=\"i\", job=\"j\"} 2 @1000\n");
}

TEST_F(SeriesTest, HonorLabels) {
  rules_.honor_labels = true;
  EXPECT_EQ(Scrape("a{job=\"own\",instance=\"\"} 1\n"), "a{job=\"own\"} 1 @1000\n");
}

TEST_F(SeriesTest, MetricRelabeling) {
  rules_.relabel =
      Rules({{.source_labels = {"__name__"}, .regex = "drop.*", .action = RelabelAction::kDrop},
             {.source_labels = {"__name__"},
              .regex = "a",
              .target_label = "__name__",
              .replacement = "b"}});
  EXPECT_EQ(Scrape("dropped 1\na 2\n"), "b{instance=\"i\", job=\"j\"} 2 @1000\n");
}

TEST_F(SeriesTest, AMissingSeriesEnds) {
  Scrape("a 1\nb 2\n");
  EXPECT_EQ(Scrape("a 1\n", 2000),
            "a{instance=\"i\", job=\"j\"} 1 @2000\nb{instance=\"i\", job=\"j\"} stale @2000\n");
  EXPECT_EQ(Scrape("a 1\n", 3000), "a{instance=\"i\", job=\"j\"} 1 @3000\n");
}

TEST_F(SeriesTest, AFailedScrapeEndsAllAndKeepsNothing) {
  Scrape("a 1\n");
  EXPECT_EQ(Scrape("a 1\nb 2\nc\n", 2000), "a{instance=\"i\", job=\"j\"} stale @2000\n");
  EXPECT_EQ(error_, "line 3: \"\" is not a value");
  EXPECT_EQ(Scrape("c\n", 3000), "");
  EXPECT_EQ(Take(Unavailable("refused"), 4000), "");
  EXPECT_EQ(Scrape("a 1\n", 5000), "a{instance=\"i\", job=\"j\"} 1 @5000\n");
  EXPECT_EQ(stats_.failed, 3U);
}

TEST_F(SeriesTest, TheReport) {
  sink_.report = true;
  rules_.extra_metrics = true;
  EXPECT_EQ(Scrape("a 1\na 1\n"),
            "a{instance=\"i\", job=\"j\"} 1 @1000\n"
            "up{instance=\"i\", job=\"j\"} 1 @1000\n"
            "scrape_duration_seconds{instance=\"i\", job=\"j\"} 0.5 @1000\n"
            "scrape_samples_scraped{instance=\"i\", job=\"j\"} 2 @1000\n"
            "scrape_samples_post_metric_relabeling{instance=\"i\", job=\"j\"} 2 @1000\n"
            "scrape_series_added{instance=\"i\", job=\"j\"} 1 @1000\n"
            "scrape_timeout_seconds{instance=\"i\", job=\"j\"} 5 @1000\n"
            "scrape_sample_limit{instance=\"i\", job=\"j\"} 0 @1000\n"
            "scrape_body_size_bytes{instance=\"i\", job=\"j\"} 8 @1000\n");
  EXPECT_EQ(stats_.duplicates, 1U);
}

TEST_F(SeriesTest, Limits) {
  rules_.limits.samples = 2;
  rules_.limits.labels = 4;
  rules_.limits.label_value_bytes = 8;
  EXPECT_EQ(Scrape("a 1\nb 1\nc 1\n"), "");
  EXPECT_EQ(error_, "sample_limit: more than 2 samples");
  EXPECT_EQ(Scrape("a{b=\"c\",d=\"e\"} 1\n"), "");
  EXPECT_EQ(error_, "label_limit: a series has 5 labels, limit 4");
  EXPECT_EQ(Scrape("a{b=\"123456789\"} 1\n"), "");
  EXPECT_EQ(error_, "label_value_length_limit: b has 9 bytes, limit 8");
  EXPECT_NE(Scrape("a 1\nb 1\n"), "");
}

TEST_F(SeriesTest, WhatNoBatchCanHoldFails) {
  std::string many = "a{";
  for (int i = 0; i < 62; ++i) many += "l" + std::to_string(i) + "=\"v\",";
  EXPECT_EQ(Scrape(many + "} 1\n"), "");
  EXPECT_EQ(error_, "a series has 65 labels, at most 64 can be kept");
  const std::string value(5UL << 20, 'x');
  std::string large;
  for (int i = 0; i < 10; ++i) large += "a" + std::to_string(i) + "{l=\"" + value + "\"} 1\n";
  EXPECT_EQ(Scrape(large), "");
  EXPECT_EQ(error_, "labels of more than 50331648 bytes");
}

TEST_F(SeriesTest, TimesOfTheirOwn) {
  EXPECT_EQ(Scrape("a 1 500\nb 2 600\nc 3 500\n"),
            "a{instance=\"i\", job=\"j\"} 1 @500\nc{instance=\"i\", job=\"j\"} 3 @500\n"
            "b{instance=\"i\", job=\"j\"} 2 @600\n");
  EXPECT_EQ(Scrape("a 1 1500\n", 2000), "a{instance=\"i\", job=\"j\"} 1 @1500\n");  // b stays.
  EXPECT_EQ(Scrape("a 1 700000\n", 3000), "");  // Too far ahead.
  EXPECT_EQ(stats_.out_of_bounds, 1U);
}

TEST_F(SeriesTest, TimesTracked) {
  rules_.track_timestamps_staleness = true;
  Scrape("a 1 500\nb 2 600\n");
  EXPECT_EQ(Scrape("a 1 1500\n", 2000),
            "a{instance=\"i\", job=\"j\"} 1 @1500\nb{instance=\"i\", job=\"j\"} stale @2000\n");
}

TEST_F(SeriesTest, TimesNotHonored) {
  rules_.honor_timestamps = false;
  EXPECT_EQ(Scrape("a 1 500\n"), "a{instance=\"i\", job=\"j\"} 1 @1000\n");
}

TEST_F(SeriesTest, ExemplarsComeOnce) {
  const std::string open = "application/openmetrics-text";
  const std::string body = "a_total 1 # {trace_id=\"x\"} 0.5\n# EOF\n";
  EXPECT_EQ(Scrape(body, 1000, open),
            "a_total{instance=\"i\", job=\"j\"} 1 @1000\n"
            "a_total{instance=\"i\", job=\"j\"} exemplar {trace_id=\"x\"} 0.5 @1000\n");
  EXPECT_EQ(Scrape(body, 2000, open), "a_total{instance=\"i\", job=\"j\"} 1 @2000\n");
}

TEST_F(SeriesTest, MetadataComesWhenItChanges) {
  EXPECT_EQ(Scrape("# HELP a One.\n"), "about a: One.\n");
  EXPECT_EQ(Scrape("# HELP a One.\n", 2000), "");
  EXPECT_EQ(Scrape("# HELP a Two.\n", 3000), "about a: Two.\n");
  EXPECT_EQ(Scrape("# HELP a Two.\n", 3'700'000), "about a: Two.\n");  // An hour later.
}

TEST_F(SeriesTest, ContentTypes) {
  EXPECT_EQ(Scrape("a 1\n", 1000, ""), "");
  EXPECT_EQ(error_,
            "the Content-Type \"\" is none of a scrape, and there is no fallback_scrape_protocol");
  rules_.fallback = expo::Format::kText;
  EXPECT_NE(Scrape("a 1\n", 1000, "text/html"), "");
  EXPECT_EQ(Take(FetchAnswer{.status = 503}, 2000), "a{instance=\"i\", job=\"j\"} stale @2000\n");
  EXPECT_EQ(error_, "server returned HTTP status 503");
}

TEST_F(SeriesTest, RetireEndsAll) {
  sink_.report = true;
  Scrape("a 1\n");
  series_->Retire(2000, sink_);
  const std::string ended = sink_.Take();
  EXPECT_EQ(
      ended.substr(0, ended.find("scrape_")),
      "a{instance=\"i\", job=\"j\"} stale @2000\nup{instance=\"i\", job=\"j\"} stale @2000\n");
}

}  // namespace
}  // namespace opssight
