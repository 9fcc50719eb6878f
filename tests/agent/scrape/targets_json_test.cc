#include "agent/scrape/targets_json.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(TargetsJsonTest, AsPrometheusAnswers) {
  EXPECT_EQ(TargetsJson({}),
            R"({"status":"success","data":{"activeTargets":[],"droppedTargets":[],)"
            R"("droppedTargetCounts":{}}})");
  const TargetsSnapshot targets{
      .active = {{.pool = "j",
                  .labels = Labels{{"job", "j"}},
                  .discovered = Labels{{"__address__", "h:1"}},
                  .url = "http://h:1/metrics",
                  .health = TargetHealth::kDown,
                  .last_error = "refused \"x\"",
                  .last_scrape_ms = 1'767'225'600'500,
                  .last_duration_s = 0.25,
                  .interval_ms = 15'000,
                  .timeout_ms = 10'000}},
      .dropped = {{.pool = "j", .discovered = Labels{{"__address__", "h:2"}}}}};
  EXPECT_EQ(TargetsJson(targets),
            R"({"status":"success","data":{"activeTargets":[{"discoveredLabels":)"
            R"({"__address__":"h:1"},"labels":{"job":"j"},"scrapePool":"j",)"
            R"("scrapeUrl":"http://h:1/metrics","globalUrl":"http://h:1/metrics",)"
            R"("lastError":"refused \"x\"","lastScrape":"2026-01-01T00:00:00.5Z",)"
            R"("lastScrapeDuration":0.25,"health":"down","scrapeInterval":"15s",)"
            R"("scrapeTimeout":"10s"}],"droppedTargets":[{"discoveredLabels":)"
            R"({"__address__":"h:2"},"scrapePool":"j"}],"droppedTargetCounts":{"j":1}}})");
}

}  // namespace
}  // namespace opssight
