#include "agent/scrape/series.h"

#include <bit>
#include <functional>

#include <gtest/gtest.h>

#include "common/bytes/varint.h"
#include "common/bytes/wire.h"
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
    ++histogram_pieces;
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

  std::size_t histogram_pieces = 0;

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
    if (series_ == nullptr) series_ = std::make_unique<TargetSeries>(shared_, target_, stats_);
    error_ = series_->Scraped({.time_ms = time_ms, .duration_s = 0.5, .answer = &answer}, sink_);
    return sink_.Take();
  }
  static Relabeler Rules(const std::vector<RelabelOptions>& rules) {
    return *Relabeler::Make(rules);
  }

  const std::shared_ptr<SeriesRules> shared_ =
      std::make_shared<SeriesRules>(SeriesRules{.series_max = 1000});
  SeriesRules& rules_ = *shared_;
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

TEST_F(SeriesTest, MoreFamiliesThanAreRememberedAreNotToldEachTime) {
  std::string body;
  for (int i = 0; i < 20'001; ++i) body += "# HELP a" + std::to_string(i) + " x\n";
  EXPECT_NE(Scrape(body), "");
  EXPECT_EQ(Scrape(body, 2000), "");
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

TEST_F(SeriesTest, OverTheLimitTheReportCountsOn) {
  sink_.report = true;
  rules_.limits.samples = 1;
  rules_.relabel =
      Rules({{.source_labels = {"__name__"}, .regex = "drop.*", .action = RelabelAction::kDrop}});
  const std::string report = Scrape("a 1\nb 1\ndropped 1\nc 1\n");
  EXPECT_NE(report.find("scrape_samples_scraped{instance=\"i\", job=\"j\"} 4 "), std::string::npos);
  EXPECT_NE(report.find("scrape_samples_post_metric_relabeling{instance=\"i\", job=\"j\"} 3 "),
            std::string::npos)
      << report;
}

TEST_F(SeriesTest, MoreDroppedSeriesThanAreRemembered) {
  rules_.series_max = 2;
  rules_.relabel =
      Rules({{.source_labels = {"__name__"}, .regex = "drop.*", .action = RelabelAction::kDrop}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Scrape("drop1 1\ndrop2 1\ndrop3 1\ndrop4 1\na 1\n", 1000 + i),
              "a{instance=\"i\", job=\"j\"} 1 @" + std::to_string(1000 + i) + "\n");
  }
}

TEST_F(SeriesTest, OfALabelThatComesTwiceTheFirstCounts) {
  EXPECT_EQ(Scrape("a{z=\"1\",b=\"\",z=\"2\",b=\"3\"} 1\n"),
            "a{instance=\"i\", job=\"j\", z=\"1\"} 1 @1000\n");
  std::string many = "a{";
  for (int i = 0; i < 257; ++i) many += "l" + std::to_string(i) + "=\"\",";
  EXPECT_EQ(Scrape(many + "} 1\n"), "a{instance=\"i\", job=\"j\", z=\"1\"} stale @1000\n");
  EXPECT_EQ(error_, "line 1: more than 256 labels");
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

// A histogram of both kinds in protobuf, with the time and the exemplars' times given.
class NativeTest : public SeriesTest {
 protected:
  NativeTest() { rules_.native_histograms = true; }

  struct Shape {
    std::int64_t time_ms = 0;
    std::vector<std::int64_t> exemplars = {};  // Seconds.
    std::size_t buckets = 1;
    int series = 1;
  };
  static void Put(const Shape& shape, int series, WireWriter& metric) {
    metric.Message(1, [&](WireWriter& label) {
      label.Bytes(1, "n");
      label.Bytes(2, std::to_string(series));
    });
    if (shape.time_ms != 0) metric.Varint(6, static_cast<std::uint64_t>(shape.time_ms));
    metric.Message(7, [&](WireWriter& h) {
      h.Varint(1, 5);
      h.Double(2, 9);
      h.Message(12, [&](WireWriter& span) { span.Varint(2, shape.buckets); });
      h.Bytes(13, std::string(shape.buckets, '\0'));
      for (const std::int64_t at : shape.exemplars) {
        h.Message(16, [&](WireWriter& exemplar) {
          exemplar.Double(2, 0.5);
          exemplar.Message(
              3, [&](WireWriter& time) { time.Varint(1, static_cast<std::uint64_t>(at)); });
        });
      }
    });
  }
  std::string ScrapeNative(const Shape& shape, std::int64_t time_ms) {
    std::string message;
    WireWriter family(message);
    family.Bytes(1, "h");
    family.Varint(3, 4);
    for (int i = 0; i < shape.series; ++i) {
      family.Message(4, [&](WireWriter& metric) { Put(shape, i, metric); });
    }
    std::string body;
    PutString(body, message);
    const std::string out = Scrape(body, time_ms, kType);
    return out.substr(0, out.find("about h"));
  }
  static constexpr const char* kType =
      "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
      "encoding=delimited";
  const std::string h_ = "h{instance=\"i\", job=\"j\", n=\"0\"} ";
};

TEST_F(NativeTest, EndsWhereItIsMissing) {
  EXPECT_EQ(ScrapeNative({}, 1000), h_ + "histogram of 5, sum 9 @1000\n");
  EXPECT_EQ(Scrape("", 2000), h_ + "histogram of 0, sum stale @2000\n");
  EXPECT_EQ(Scrape("", 3000), "");
}

TEST_F(NativeTest, AFailedScrapeEndsOnlyWhatWasStored) {
  rules_.limits.samples = 1;
  ScrapeNative({}, 1000);
  // The second series is never stored.
  EXPECT_EQ(ScrapeNative({.series = 2}, 2000), h_ + "histogram of 0, sum stale @2000\n");
  EXPECT_EQ(ScrapeNative({.series = 2}, 3000), "");
}

TEST_F(NativeTest, OneWithItsOwnTimeDoesNotEndUnlessTracked) {
  EXPECT_EQ(ScrapeNative({.time_ms = 900}, 1000), h_ + "histogram of 5, sum 9 @900\n");
  EXPECT_EQ(Scrape("", 2000), "");
  rules_.track_timestamps_staleness = true;
  ScrapeNative({.time_ms = 2900}, 3000);
  EXPECT_EQ(Scrape("", 4000), h_ + "histogram of 0, sum stale @4000\n");
  EXPECT_EQ(ScrapeNative({.time_ms = 700'000}, 5000), "");  // Too far ahead.
  EXPECT_EQ(stats_.out_of_bounds, 1U);
}

TEST_F(NativeTest, OnlyNewExemplars) {
  EXPECT_EQ(ScrapeNative({.exemplars = {1, 2}}, 3000), h_ + "histogram of 5, sum 9 @3000\n" + h_ +
                                                           "exemplar {} 0.5 @1000\n" + h_ +
                                                           "exemplar {} 0.5 @2000\n");
  EXPECT_EQ(ScrapeNative({.exemplars = {1, 2, 3}}, 4000),
            h_ + "histogram of 5, sum 9 @4000\n" + h_ + "exemplar {} 0.5 @3000\n");
  ScrapeNative({.exemplars = {5000}}, 5000);  // Of a wrong clock: it hides no later ones.
  EXPECT_EQ(ScrapeNative({.exemplars = {5}}, 6000),
            h_ + "histogram of 5, sum 9 @6000\n" + h_ + "exemplar {} 0.5 @5000\n");
}

TEST_F(NativeTest, SwitchedOffItIsClassic) {
  rules_.native_histograms = false;
  EXPECT_EQ(ScrapeNative({}, 1000),
            "h_bucket{instance=\"i\", job=\"j\", le=\"+Inf\", n=\"0\"} 5 @1000\n"
            "h_sum{instance=\"i\", job=\"j\", n=\"0\"} 9 @1000\n"
            "h_count{instance=\"i\", job=\"j\", n=\"0\"} 5 @1000\n");
}

TEST_F(NativeTest, BucketsAreBoundedAndComeInPieces) {
  EXPECT_NE(ScrapeNative({.buckets = 9'000, .series = 100}, 1000), "");  // 7 MB.
  EXPECT_GE(sink_.histogram_pieces, 6U);
  ScrapeNative({.buckets = 9'000, .series = 800}, 2000);
  EXPECT_EQ(error_, "native histograms of more than 50331648 bytes");
}

// What a reload does.
class AdoptTest : public NativeTest {
 protected:
  std::string Adopt(const SeriesRules& rules) {
    series_->Adopt(std::make_shared<const SeriesRules>(rules), target_, stats_, 1500, sink_);
    return sink_.Take();
  }
};

TEST_F(AdoptTest, SeriesGoOn) {
  Scrape("a 1\nb 2\n");
  EXPECT_EQ(Adopt(rules_), "");
  EXPECT_EQ(Scrape("a 1\n", 2000),
            "a{instance=\"i\", job=\"j\"} 1 @2000\nb{instance=\"i\", job=\"j\"} stale @2000\n");
}

TEST_F(AdoptTest, OtherRulesEndWhatTheyTakeAway) {
  Scrape("a 1\nb 2\n");
  SeriesRules rules = rules_;
  rules.relabel =
      Rules({{.source_labels = {"__name__"}, .regex = "b", .action = RelabelAction::kDrop}});
  rules.relabel_text = "drop b";
  EXPECT_EQ(Adopt(rules), "");
  EXPECT_EQ(Scrape("a 1\nb 2\n", 2000),
            "a{instance=\"i\", job=\"j\"} 1 @2000\nb{instance=\"i\", job=\"j\"} stale @2000\n");
}

TEST_F(AdoptTest, ExtraMetricsSwitchedOffEnd) {
  sink_.report = true;
  rules_.extra_metrics = true;
  Scrape("");
  SeriesRules rules = rules_;
  rules.extra_metrics = false;
  EXPECT_EQ(Adopt(rules), "");
  const std::string out = Scrape("", 2000);
  EXPECT_NE(out.find("scrape_sample_limit{instance=\"i\", job=\"j\"} stale @2000\n"),
            std::string::npos)
      << out;
}

TEST_F(AdoptTest, OtherCommonLabelsEndAll) {
  sink_.report = true;
  ScrapeNative({}, 1000);
  SeriesRules rules = rules_;
  rules.common = {{"env", "e"}};
  const std::string ended = Adopt(rules);
  EXPECT_NE(ended.find(h_ + "histogram of 0, sum stale @1500\n"), std::string::npos) << ended;
  EXPECT_NE(ended.find("up{instance=\"i\", job=\"j\"} stale @1500\n"), std::string::npos) << ended;
  EXPECT_NE(Scrape("", 2000).find("up{env=\"e\", instance=\"i\", job=\"j\"} 1 @2000\n"),
            std::string::npos);
}

}  // namespace
}  // namespace opssight
