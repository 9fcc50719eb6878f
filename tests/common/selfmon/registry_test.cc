#include "common/selfmon/registry.h"

#include <limits>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/selfmon/build_info.h"
#include "common/selfmon/process_metrics.h"

namespace opssight {
namespace {

using ::testing::HasSubstr;

// The rules of the text format 0.0.4 that a scraper relies on, as one check: HELP
// then TYPE once a family, a family's samples together, names, escapes and numbers
// well formed, no series twice, histograms cumulative with +Inf equal to _count.
void ExpectValidText(const std::string& text) {
  ASSERT_TRUE(text.empty() || text.ends_with("\n"));
  const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\["\\n])*")*\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?))re");
  std::set<std::string> families, series;
  std::string family, type, line, last_bucket;
  double last_count = 0;
  std::istringstream lines(text);
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string hash, keyword, name;
    words >> hash >> keyword >> name;
    if (hash == "#" && keyword == "HELP") {
      EXPECT_TRUE(families.insert(name).second) << "twice: " << name;
      family = name;
      type.clear();
      continue;
    }
    if (hash == "#") {
      ASSERT_EQ(keyword, "TYPE") << line;
      EXPECT_EQ(name, family) << line;
      EXPECT_TRUE(type.empty()) << line;
      words >> type;
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    EXPECT_FALSE(type.empty()) << line;
    EXPECT_TRUE(series.insert(match[1].str() + match[2].str()).second) << "twice: " << line;
    if (type != "histogram") {
      EXPECT_EQ(match[1].str(), family) << line;
      continue;
    }
    const double value = std::stod(match[3]);
    if (match[1] == family + "_bucket") {
      const bool first = last_bucket.empty();
      EXPECT_TRUE(first || value >= last_count) << line;
      last_bucket = match[2];
      last_count = value;
    } else if (match[1] == family + "_count") {
      EXPECT_THAT(last_bucket, HasSubstr("le=\"+Inf\""));
      EXPECT_EQ(value, last_count) << line;
      last_bucket.clear();
    } else {
      EXPECT_EQ(match[1].str(), family + "_sum") << line;
    }
  }
}

TEST(RegistryTest, WritesHelpTypeAndSamplesOfAFamilyTogether) {
  Counter fresh, backlog;
  Gauge bytes;
  Registry registry;
  registry.Add("opssight_sent_total", "Batches sent.", fresh, {{"lane", "fresh"}});
  registry.Add("opssight_bytes", "Bytes kept.", bytes);
  registry.Add("opssight_sent_total", "Batches sent.", backlog, {{"lane", "backlog"}});
  fresh.Add(3);
  backlog.Add();
  bytes.Set(1.5);
  bytes.Add(-1);
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP opssight_sent_total Batches sent.\n"
            "# TYPE opssight_sent_total counter\n"
            "opssight_sent_total{lane=\"fresh\"} 3\n"
            "opssight_sent_total{lane=\"backlog\"} 1\n"
            "# HELP opssight_bytes Bytes kept.\n"
            "# TYPE opssight_bytes gauge\n"
            "opssight_bytes 0.5\n");
}

TEST(RegistryTest, AHistogramIsCumulative) {
  const std::vector<double> bounds = {0.1, 1};
  ClassicHistogram histogram(bounds);
  Registry registry;
  registry.Add("opssight_commit_seconds", "Time of a commit.", histogram, {{"env", "wal"}});
  for (const double value : {0.05, 0.1, 0.5, 7.0}) histogram.Observe(value);
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP opssight_commit_seconds Time of a commit.\n"
            "# TYPE opssight_commit_seconds histogram\n"
            "opssight_commit_seconds_bucket{env=\"wal\",le=\"0.1\"} 2\n"
            "opssight_commit_seconds_bucket{env=\"wal\",le=\"1\"} 3\n"
            "opssight_commit_seconds_bucket{env=\"wal\",le=\"+Inf\"} 4\n"
            "opssight_commit_seconds_sum{env=\"wal\"} 7.65\n"
            "opssight_commit_seconds_count{env=\"wal\"} 4\n");
}

TEST(RegistryTest, TextKeepsTheFormatsRules) {
  Counter counter;
  Gauge gauge;
  ClassicHistogram histogram(kSecondsBuckets);
  Registry registry;
  registry.Add("a_total", "Back\\slash, \"quotes\" and\na line break.", counter,
               {{"path", "C:\\x \"y\"\nz\té"}});
  registry.Add("b", "", gauge);
  registry.Add("c_seconds", "One.", histogram, {{"k", "1"}});
  ClassicHistogram other(kSecondsBuckets);
  registry.Add("c_seconds", "One.", other, {{"k", "2"}});
  other.Observe(std::numeric_limits<double>::quiet_NaN());
  histogram.Observe(0.003);
  gauge.Set(-std::numeric_limits<double>::infinity());
  counter.Add(1'000'000'000'000'000'000);
  AddProcessMetrics(registry);
  AddBuildInfo(registry);
  const std::string text = registry.PrometheusText();
  EXPECT_THAT(text, HasSubstr("# HELP a_total Back\\\\slash, \"quotes\" and\\na line break.\n"));
  EXPECT_THAT(text, HasSubstr("a_total{path=\"C:\\\\x \\\"y\\\"\\nz\té\"} 1000000000000000000\n"));
  EXPECT_THAT(text, HasSubstr("\nb -Inf\n"));
  ExpectValidText(text.substr(0, text.find("# HELP c_seconds")));
  ExpectValidText(text.substr(text.find("# HELP process_cpu")));
}

TEST(RegistryTest, HistogramTextKeepsTheFormatsRules) {
  ClassicHistogram histogram(kSecondsBuckets);
  Registry registry;
  registry.Add("c_seconds", "One.", histogram);
  histogram.Observe(0.003);
  histogram.Observe(1e9);
  ExpectValidText(registry.PrometheusText());
}

TEST(RegistryTest, FillsAFrameWhoseLayoutStays) {
  Counter counter;
  const std::vector<double> bounds = {1};
  ClassicHistogram histogram(bounds);
  Registry registry;
  registry.Add("a_total", "A.", counter, {{"x", "1"}});
  registry.Add("b", "B.", histogram);
  registry.AddCallback("c", "C.", MetricType::kGauge, [] { return 5.0; });
  FrameBuilder frame(std::vector<Label>{{"host", "web-1"}});
  const auto fill = [&] {
    frame.Begin();
    registry.Fill(frame);
    return frame.End(1000);
  };
  const MetricRow first = fill();
  counter.Add(2);
  histogram.Observe(3);
  const MetricRow second = fill();
  EXPECT_EQ(first.layout, second.layout);
  EXPECT_EQ(second.values, (std::vector<double>{2, 0, 1, 3, 1, 5}));
  const auto& series = second.layout->series();
  EXPECT_EQ(series[0].labels.PrometheusText(), "a_total{host=\"web-1\", x=\"1\"}");
  EXPECT_EQ(series[2].labels.PrometheusText(), "b_bucket{host=\"web-1\", le=\"+Inf\"}");
  EXPECT_EQ(series[2].type, MetricType::kHistogram);
  EXPECT_EQ(series[5].type, MetricType::kGauge);
}

TEST(RegistryTest, RefreshesRunBeforeValuesAreRead) {
  Registry registry;
  double value = 0;
  registry.AddRefresh([&value] { ++value; });
  registry.AddCallback("x", "X.", MetricType::kGauge, [&value] { return value; });
  EXPECT_THAT(registry.PrometheusText(), HasSubstr("x 1\n"));
  EXPECT_THAT(registry.PrometheusText(), HasSubstr("x 2\n"));
}

TEST(RegistryTest, ThreadsCountWhileTextIsWritten) {
  Counter counter;
  Gauge gauge;
  ClassicHistogram histogram(kSecondsBuckets);
  Registry registry;
  registry.Add("a_total", "A.", counter);
  registry.Add("b", "B.", gauge);
  registry.Add("c", "C.", histogram);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        counter.Add();
        gauge.Add(1);
        histogram.Observe(0.2);
      }
    });
  }
  for (int i = 0; i < 20; ++i) ExpectValidText(registry.PrometheusText());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4000U);
  EXPECT_EQ(gauge.value(), 4000);
  EXPECT_THAT(registry.PrometheusText(), HasSubstr("c_count 4000\n"));
}

using RegistryDeathTest = ::testing::Test;

TEST(RegistryDeathTest, OurOwnNamesMustBeRight) {
  Counter counter;
  Gauge gauge;
  Registry registry;
  registry.Add("a_total", "A.", counter);
  EXPECT_DEATH(registry.Add("a_total", "A.", counter), "registered twice");
  EXPECT_DEATH(registry.Add("a_total", "A.", gauge, {{"x", "1"}}), "two types");
  EXPECT_DEATH(registry.Add("b", "B.", counter), "must end in _total");
  EXPECT_DEATH(registry.Add("1b", "B.", gauge), "metric name");
  EXPECT_DEATH(registry.Add("b", "B.", gauge, {{"le", "1"}}), "label");
  const std::vector<double> bounds = {2, 1};
  EXPECT_DEATH(ClassicHistogram{bounds}, "must ascend");
}

TEST(BuildInfoTest, SaysWhichBuildThisIs) {
  EXPECT_FALSE(ThisBuild().version.empty());
  EXPECT_FALSE(ThisBuild().revision.empty());
  Registry registry;
  AddBuildInfo(registry);
  EXPECT_THAT(registry.PrometheusText(), HasSubstr("version=\"" + ThisBuild().version + "\""));
}

}  // namespace
}  // namespace opssight
