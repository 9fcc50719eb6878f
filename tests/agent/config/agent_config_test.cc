#include "agent/config/agent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/load.h"
#include "tests/config/generated.h"

namespace opssight {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

LoadedConfig<AgentConfig> Load(const std::string& text) {
  ConfigSources sources;
  sources.files.push_back({.path = "agent.yaml", .text = text});
  return LoadConfig(AgentTable(), sources, nullptr);
}

TEST(AgentConfigTest, GeneratedFilesAreFresh) {
  ExpectGenerated("agent.reference.md", AgentReference(), "agent_config_test");
  ExpectGenerated("agent.yaml", AgentExample(), "agent_config_test");
}

TEST(AgentConfigTest, TheExampleSetsNothing) {
  const auto loaded = Load(AgentExample());
  EXPECT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_TRUE(loaded.origins.empty());
}

TEST(AgentConfigTest, ReadsAllParts) {
  const auto loaded = Load(R"(
host: web-1
host_root: /host
aggregator: {address: "mon:9095"}
collect: {interval: 15s, processes_top: 5}
tail:
  docker: []
  files:
    - paths: [/var/log/nginx/*.log]
      labels: {job: nginx}
  start_at: end
labels: {team: shop, host: other}
otlp: {grpc: {listen: ""}, limits: {items_max: 10}}
batch: {age_max: 2s, bytes_max: 1MiB}
spool: {bytes_max: 64MiB}
ship: {dead_after: 1m}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const AgentConfig config = Resolved(loaded.options, "machine", "");
  EXPECT_EQ(config.host, "web-1");
  EXPECT_EQ(config.collect.host.host, "web-1");
  EXPECT_EQ(config.collect.host.host_root, "/host");
  EXPECT_EQ(config.collect.host.processes_top, 5U);
  EXPECT_EQ(config.collect.interval_ms, 15'000);
  EXPECT_EQ(config.tail.host_root, "/host");
  EXPECT_EQ(config.aggregator, "mon:9095");
  EXPECT_TRUE(config.tail.docker_globs.empty());
  EXPECT_EQ(config.tail.start_at, TailOptions::StartAt::kEnd);
  EXPECT_EQ(config.otlp.grpc_listen, "");
  EXPECT_EQ(config.otlp.http_listen, "127.0.0.1:4318");
  EXPECT_EQ(config.otlp.service.metrics.limits.items_max, 10U);
  EXPECT_THAT(config.otlp.service.stream_labels,
              ElementsAre(Label{"team", "shop"}, Label{"host", "web-1"}));
  EXPECT_EQ(config.tail.labels.size(), 2U);
  EXPECT_EQ(config.collect.host.labels.size(), 2U);
  EXPECT_EQ(config.batch.age_ms_max, 2000);
  EXPECT_EQ(config.batch.raw_bytes_max, 1U << 20);
  EXPECT_EQ(config.spool.path, "/var/lib/opssight-agent/spool.mdb");
  EXPECT_EQ(config.spool.bytes_max, 64U << 20);
  EXPECT_EQ(config.ship.dead_after_ms, 60'000);
  EXPECT_EQ(config.ship.host, "web-1");
  ASSERT_EQ(config.tail.files.size(), 1U);
  EXPECT_THAT(config.tail.files[0].globs, ElementsAre("/var/log/nginx/*.log"));
  EXPECT_THAT(config.tail.files[0].labels, ElementsAre(Label{"job", "nginx"}));
}

TEST(AgentConfigTest, AScrapeProtocolTwiceIsAProblem) {
  const auto loaded = Load(
      "scrape_configs: [{job_name: j, scrape_protocols: [PrometheusText0.0.4, "
      "PrometheusText0.0.4]}]\n");
  EXPECT_THAT(loaded.problems.ToString(), HasSubstr("\"PrometheusText0.0.4\" is there twice"));
}

TEST(AgentConfigTest, RelativeFilesOfScrapeJobsAreBesideTheAgentsFile) {
  AgentConfig config;
  config.scrape_configs.resize(1);
  ScrapeJob& job = config.scrape_configs.front();
  job.files = {{.files = {"sd/*.json", "/etc/sd/*.json"}}};
  job.http.basic_auth.password_file = "secret";
  job.http.tls.ca_file = "/etc/ca.pem";
  job.docker.resize(1);
  job.docker.front().http.tls.key_file = "docker.key";
  const ScrapeJob got = Resolved(config, "machine", "/etc/opssight/").scrape_configs.front();
  EXPECT_THAT(got.files.front().files, ElementsAre("/etc/opssight/sd/*.json", "/etc/sd/*.json"));
  EXPECT_EQ(got.http.basic_auth.password_file, "/etc/opssight/secret");
  EXPECT_EQ(got.http.tls.ca_file, "/etc/ca.pem");
  EXPECT_EQ(got.http.bearer_token_file, "");
  EXPECT_EQ(got.docker.front().http.tls.key_file, "/etc/opssight/docker.key");
}

TEST(AgentConfigTest, TheMachinesNameIsTheDefaultHost) {
  EXPECT_EQ(Resolved(AgentConfig{}, "machine", "").tail.host, "machine");
}

TEST(AgentConfigTest, LimitsThatDoNotGoTogetherAreAProblem) {
  EXPECT_EQ(Load("ship: {dead_after: 10s}").problems.ToString(),
            "agent.yaml:1: ship.dead_after: must be longer than ping_after\n");
}

TEST(AgentConfigTest, WrongLabelsAreAProblem) {
  EXPECT_THAT(Load("tail: {files: [{paths: [/a], labels: {a-b: 1}}]}").problems.ToString(),
              HasSubstr("tail.files[0].labels: \"a-b\" is not a label's name"));
  EXPECT_THAT(Load("tail: {files: [{labels: {a: 1}}]}").problems.ToString(),
              HasSubstr("tail.files[0].paths: must be set"));
  std::string many = "labels: {";
  for (char c = 'a'; c < 'a' + 25; ++c) many += std::string(1, c) + ": x, ";
  EXPECT_THAT(Load(many + "}").problems.ToString(), HasSubstr("labels: 25 labels, at most 24"));
}

}  // namespace
}  // namespace opssight
