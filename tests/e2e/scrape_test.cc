// A real exporter, scraped by the agent, asked for at the aggregator; then it goes away.
#include <filesystem>

#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

constexpr const char* kExporter = "/usr/bin/prometheus-node-exporter";

TEST(Scrape, ARealExporterComesAndGoes) {
  if (!std::filesystem::exists(kExporter)) GTEST_SKIP() << kExporter << " is not installed";
  const std::string address = "127.0.0.1:" + std::to_string(FreePort());
  E2eWorld world(
      "scrape_configs:\n"
      "  - job_name: exporter\n"
      "    scrape_interval: 1s\n"
      "    scrape_timeout: 1s\n"
      "    static_configs:\n"
      "      - targets: [\"" +
      address +
      "\"]\n"
      "        labels: {env: test}\n"
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
  exporter.Kill();
  EXPECT_TRUE(world.Comes("\"0\"]", [&] { return world.Query("up" + labels); }));
  EXPECT_TRUE(world.Comes("\"result\":[]", [&] { return world.Query("node_load1" + labels); }));
  EXPECT_GE(world.programs().AgentMetric("opssight_scrape_failed_scrapes_total").value_or(0), 1);
}

}  // namespace
}  // namespace opssight
