// This host's metrics, a container's lines, the real OpenTelemetry SDK: from the source to
// an answer of the query API.
#include <filesystem>
#include <fstream>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "common/text/time.h"
#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

TEST(HostAndLogs, TheHostIsThereWithinThirtySeconds) {
  E2eWorld world("host: e2e-host\n");
  ASSERT_EQ(Why(world.programs().Start()), "");
  for (const char* name :
       {"system_cpu_usage_percent", "system_cpu_load_1m", "system_memory_usage_bytes",
        "system_disk_usage_bytes", "system_network_bytes_total", "node_cpu_seconds_total",
        "node_filesystem_avail_bytes", "node_network_receive_bytes_total"}) {
    EXPECT_TRUE(world.Comes("\"value\":", [&] {
      return world.Query(fmt::format("{}{{host=\"e2e-host\"}}", name));
    })) << name;
  }
  // And it goes on: a second round, and the programs' own metrics.
  EXPECT_TRUE(world.Comes("opssight_spool_batches",
                          [&] { return HttpGet(world.programs().agent_url() + "/metrics").body; }));
  EXPECT_TRUE(world.Comes("opssight_store_committed_batches_total",
                          [&] { return HttpGet(world.programs().url() + "/metrics").body; }));
  EXPECT_TRUE(world.Comes("opssight_build_info", [&] {
    return world.Query("opssight_build_info{job=\"opssight-agent\"}");
  }));
}

TEST(HostAndLogs, LinesOfContainers) {
  E2eWorld world("host: e2e-host\n");
  ASSERT_EQ(Why(world.programs().Start()), "");
  const std::string folder = world.programs().options().folder;
  const std::string now = FormatRfc3339Ns(Clock::System().WallNs());

  std::filesystem::create_directories(folder + "/pods/shop_cart-7d9_uid1/web");
  std::ofstream(folder + "/pods/shop_cart-7d9_uid1/web/0.log") << now << " stderr P cannot reach \n"
                                                               << now << " stderr F the database\n";
  EXPECT_TRUE(world.Comes("\"cannot reach the database\"", [&] {
    return world.Lines(R"({namespace="shop",pod="cart-7d9",container_name="web",stream="stderr"})");
  }));

  const std::string id(64, 'a');
  std::filesystem::create_directories(folder + "/docker/" + id);
  std::ofstream(folder + "/docker/" + id + "/config.v2.json")
      << R"({"ID":")" << id << R"(","Name":"/mailer","Config":{"Image":"mail:3","Labels":)"
      << R"({"com.docker.compose.project":"office"}}})";
  std::ofstream(folder + "/docker/" + id + "/" + id + "-json.log")
      << R"({"log":"sent \"one\" mail\n","stream":"stdout","time":")" << now << "\"}\n";
  EXPECT_TRUE(world.Comes(R"(sent \"one\" mail)", [&] {
    return world.Lines(R"({container_name="mailer",image="mail:3",host="e2e-host"} |= "one")");
  }));
  EXPECT_TRUE(world.Comes("office", [&] {
    return HttpGet(world.programs().url() + "/loki/api/v1/label/com_docker_compose_project/values")
        .body;
  }));
}

class OtelSdk : public testing::TestWithParam<const char*> {};

TEST_P(OtelSdk, SpansMetricsAndLogs) {
  const std::string protocol = GetParam();
  E2eWorld world;
  ASSERT_EQ(Why(world.programs().Start()), "");
  const int port =
      protocol == "grpc" ? world.programs().otlp_grpc_port() : world.programs().otlp_port();
  const std::string name = "sdk-" + protocol;
  const auto said = opssight::Run(
      {"node", std::string(OPS_OTEL_CLIENT) + "/client.js", "--protocol", protocol, "--endpoint",
       fmt::format("http://127.0.0.1:{}", port), "--name", name, "--spans", "3", "--logs", "2"});
  ASSERT_TRUE(said) << said.error().message;
  const std::string key = "\"trace_id\":\"";
  const std::size_t at = said->find(key);
  ASSERT_NE(at, std::string::npos) << *said;
  const std::string trace = said->substr(at + key.size(), 32);

  const auto ask = [&] { return HttpGet(world.programs().url() + "/api/traces/" + trace).body; };
  EXPECT_TRUE(world.Comes("\"GET /order\"", ask));
  EXPECT_TRUE(world.Comes("\"SELECT orders 2\"", ask));
  EXPECT_TRUE(world.Comes("\"no rows\"", ask));
  EXPECT_TRUE(world.Comes("\"serviceName\":\"" + name + "\"", ask));
  EXPECT_TRUE(world.Comes("\"7\"]", [&] {
    return world.Query(fmt::format(R"(e2e_requests_total{{job="{}",route="/order"}})", name));
  }));
  EXPECT_TRUE(world.Comes("\"0.25\"]", [&] {
    return world.Query(fmt::format(R"(e2e_request_duration_seconds_sum{{job="{}"}})", name));
  }));
  EXPECT_TRUE(world.Comes(fmt::format("\"order 1 of {}\"", name), [&] {
    return world.Lines(fmt::format(R"({{service_name="{}"}})", name));
  }));
}

INSTANTIATE_TEST_SUITE_P(, OtelSdk, testing::Values("grpc", "http"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace opssight
