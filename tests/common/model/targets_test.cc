#include "common/model/targets.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

std::string Text(const TargetsSnapshot& targets, const TargetsFilter& filter = {}) {
  JsonWriter json;
  WriteTargets(PoolsOf(targets), filter, json);
  return json.Take();
}

TargetsSnapshot Some() {
  TargetsSnapshot out;
  out.pools.push_back({.name = "z", .active = {{.labels = Labels{{"job", "z"}}}}});
  out.pools.push_back({.name = "j",
                       .active = {{.labels = Labels{{"job", "j"}},
                                   .discovered = Labels{{"__address__", "h:1"}},
                                   .scrape_url = "http://h:1/metrics",
                                   .global_url = "http://g:1/metrics",
                                   .health = TargetHealth::kDown,
                                   .last_error = "refused \"x\"",
                                   .last_scrape_ms = 1'767'225'600'500,
                                   .last_duration_s = 0.25,
                                   .interval_ms = 15'000,
                                   .timeout_ms = 10'000}},
                       .dropped = {Labels{{"__address__", "h:2"}}},
                       .dropped_count = 9});
  return out;
}

TEST(TargetsTest, AsPrometheusAnswers) {
  EXPECT_EQ(Text({}), R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}})");
  EXPECT_EQ(
      Text(Some()),
      R"({"activeTargets":[{"discoveredLabels":{"__address__":"h:1"},"labels":{"job":"j"},)"
      R"("scrapePool":"j","scrapeUrl":"http://h:1/metrics","globalUrl":"http://g:1/metrics",)"
      R"("lastError":"refused \"x\"","lastScrape":"2026-01-01T00:00:00.5Z",)"
      R"("lastScrapeDuration":0.25,"health":"down","scrapeInterval":"15s",)"
      R"("scrapeTimeout":"10s"},{"discoveredLabels":{},"labels":{"job":"z"},"scrapePool":"z",)"
      R"("scrapeUrl":"","globalUrl":"","lastError":"","lastScrape":"0001-01-01T00:00:00Z",)"
      R"("lastScrapeDuration":0,"health":"unknown","scrapeInterval":"0s","scrapeTimeout":"0s"}],)"
      R"("droppedTargets":[{"discoveredLabels":{"__address__":"h:2"},"scrapePool":"j"}],)"
      R"("droppedTargetCounts":{"j":9,"z":0}})");
  EXPECT_EQ(Text(Some(), MakeTargetsFilter("dropped", "z")),
            R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{"j":9,"z":0}})");
}

TEST(TargetsTest, ActiveOnesComeBeforeDroppedOnes) {
  TargetsSnapshot targets = Some();
  LimitTargets({.targets_max = 2}, targets);
  EXPECT_EQ(targets.pools[0].active.size(), 1U);
  EXPECT_EQ(targets.pools[1].active.size(), 1U);
  EXPECT_EQ(targets.pools[1].dropped.size(), 0U);
  EXPECT_EQ(targets.left_out, 1U);
  LimitTargets({.bytes_max = BytesOf(targets) - 1}, targets);
  EXPECT_EQ(targets.left_out, 2U);
}

}  // namespace
}  // namespace opssight
