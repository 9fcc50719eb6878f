// A real exporter, scraped by the agent, asked for at the aggregator; then it goes away.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

constexpr const char* kExporter = "/usr/bin/prometheus-node-exporter";

TEST(Scrape, ARealExporterComesAndGoes) {
  if (!std::filesystem::exists(kExporter)) GTEST_SKIP() << kExporter << " is not installed";
  const std::string address = "127.0.0.1:" + std::to_string(FreePort());
  E2eWorld world(
      "host: scraping-host\n"
      "scrape_configs:\n"
      "  - job_name: exporter\n"
      "    scrape_interval: 1s\n"
      "    scrape_timeout: 1s\n"
      "    static_configs:\n"
      "      - targets: [\"" +
      address +
      "\", \"gone:1\"]\n"
      "        labels: {env: test}\n"
      "    relabel_configs:\n"
      "      - {source_labels: [__address__], regex: gone:1, action: drop}\n"
      "    metric_relabel_configs:\n"
      "      - {source_labels: [__name__], regex: go_.*, action: drop}\n");
  std::filesystem::create_directories(world / "work");
  Program exporter("node_exporter", {kExporter, "--web.listen-address=" + address},
                   world / "work/exporter.log");
  ASSERT_EQ(Why(exporter.Start()), "");
  ASSERT_EQ(Why(world.programs().Start()), "");
  const std::string labels = "{job=\"exporter\",env=\"test\"}";
  EXPECT_TRUE(world.Comes("\"1\"]", [&] { return world.Query("up" + labels); }));
  EXPECT_TRUE(world.Comes("\"value\":", [&] { return world.Query("node_load1" + labels); }));
  EXPECT_TRUE(world.Comes("\"instance\":\"" + address + "\"",
                          [&] { return world.Query("node_cpu_seconds_total" + labels); }));
  EXPECT_TRUE(world.Comes("\"result\":[]", [&] { return world.Query("go_goroutines" + labels); }));
  const auto targets = [&](const std::string& params) {
    return HttpGet(world.programs().url() + "/api/v1/targets" + params).body;
  };
  EXPECT_TRUE(world.Comes("\"health\":\"up\"", [&] { return targets("?state=active"); }));
  const std::string listed = targets("?scrapePool=exporter");
  EXPECT_NE(listed.find("\"scrapeUrl\":\"http://" + address + "/metrics\""), std::string::npos)
      << listed;
  EXPECT_NE(listed.find("\"globalUrl\":\"http://scraping-host:"), std::string::npos) << listed;
  EXPECT_NE(listed.find("\"labels\":{\"env\":\"test\",\"instance\":\"" + address + "\""),
            std::string::npos)
      << listed;
  EXPECT_NE(listed.find("\"scrapeInterval\":\"1s\""), std::string::npos) << listed;
  EXPECT_NE(listed.find("\"droppedTargetCounts\":{\"exporter\":1}"), std::string::npos) << listed;
  EXPECT_EQ(HttpGet(world.programs().url() + "/api/v1/scrape_pools").body,
            R"({"status":"success","data":{"scrapePools":["exporter"]}})");
  EXPECT_TRUE(world.Comes("\"type\":\"gauge\",\"help\":\"1m load average.\"", [&] {
    return HttpGet(world.programs().url() + "/api/v1/targets/metadata?metric=node_load1").body;
  }));
  // The configuration as the agent told it can be read back.
  EXPECT_NE(
      HttpGet(world.programs().url() + "/api/v1/targets/relabel_steps?scrapePool=exporter&labels=" +
              UrlEscape(R"({"__address__":"gone:1"})"))
          .body.find(R"("action":"drop"},"output":{},"keep":false}]})"),
      std::string::npos);
  exporter.Kill();
  EXPECT_TRUE(world.Comes("connect", [&] { return targets("?state=active"); }));
  EXPECT_NE(targets("").find("\"health\":\"down\""), std::string::npos);
  EXPECT_TRUE(world.Comes("\"0\"]", [&] { return world.Query("up" + labels); }));
  EXPECT_TRUE(world.Comes("\"result\":[]", [&] { return world.Query("node_load1" + labels); }));
  EXPECT_GE(world.programs().AgentMetric("opssight_scrape_failed_scrapes_total").value_or(0), 1);
  // A reload that takes the job away ends its series.
  std::ofstream(world.programs().options().folder + "/agent.d/10.yaml") << "host: scraping-host\n";
  world.programs().agent().Signal(SIGHUP);
  EXPECT_TRUE(world.Comes("\"result\":[]", [&] { return world.Query("up" + labels); }));
  EXPECT_TRUE(world.Comes("\"activeTargets\":[]", [&] { return targets(""); }));
}

}  // namespace
}  // namespace opssight
