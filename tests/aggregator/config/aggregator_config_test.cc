#include "aggregator/config/aggregator_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/load.h"
#include "tests/config/generated.h"

namespace opssight {
namespace {

using ::testing::ElementsAre;

LoadedConfig<AggregatorConfig> Load(const std::string& text,
                                    const ConfigEnvironment& environment = nullptr) {
  ConfigSources sources;
  sources.files.push_back({.path = "aggregator.yaml", .text = text});
  return LoadConfig(AggregatorTable(), sources, environment);
}

TEST(AggregatorConfigTest, GeneratedFilesAreFresh) {
  ExpectGenerated("aggregator.reference.md", AggregatorReference(), "aggregator_config_test");
  ExpectGenerated("aggregator.yaml", AggregatorExample(), "aggregator_config_test");
}

TEST(AggregatorConfigTest, TheExampleSetsNothing) {
  const auto loaded = Load(AggregatorExample());
  EXPECT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_TRUE(loaded.origins.empty());
}

TEST(AggregatorConfigTest, ReadsAllParts) {
  const auto loaded = Load(R"(
data_dir: /srv/ops
listen: {address: ":9090", aliases: [3100, 9093]}
agents: {names: [mon.example.org], certificate_days: 7, session: {window_batches: 8}}
query: {timeout: 10s, samples_max: 1000, lookback: 1m}
retention: {spans: {time: 3d, size: 5GB}}
store: {meta_map_bytes: 2GiB, flush: {age: 10m}, logs: {block_bytes: 2MiB}}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const AggregatorConfig config = Resolved(loaded.options);
  EXPECT_EQ(config.logs.dir, "/srv/ops");
  EXPECT_EQ(config.spans.dir, "/srv/ops");
  EXPECT_EQ(config.logs.block_raw_bytes, 2U << 20);
  EXPECT_EQ(config.store.dir, "/srv/ops");
  EXPECT_EQ(config.store.meta_map_bytes, 2ULL << 30);
  EXPECT_EQ(config.meta.map_bytes, 2ULL << 30);
  EXPECT_EQ(config.store.flush_age_ms, 600'000);
  EXPECT_EQ(config.store.spans.keep_ms, 3 * kMsPerDay);
  EXPECT_EQ(config.store.spans.bytes_max, 5ULL << 30);
  EXPECT_THAT(config.listen.aliases, ElementsAre(3100, 9093));
  EXPECT_EQ(config.agents.registry.certificate_days, 7);
  EXPECT_EQ(config.ingest.window_batches, 8U);
  EXPECT_EQ(config.metrics.dir, "/srv/ops");
  EXPECT_EQ(config.gaps.dir, "/srv/ops");
  EXPECT_EQ(config.query.timeout_ms, 10'000);
  EXPECT_EQ(config.query.api.limits.samples_max, 1000U);
  EXPECT_EQ(config.query.api.lookback_ms, 60'000);
}

TEST(AggregatorConfigTest, TheOldStacksVariablesOverrideTheFiles) {
  const std::map<std::string, std::string> variables = {{"PROMETHEUS_RETENTION_TIME", "30d"},
                                                        {"PROMETHEUS_RETENTION_SIZE", "10GB"},
                                                        {"LOKI_RETENTION_PERIOD", "168h"}};
  const auto loaded = Load(
      "retention: {metrics: {time: 1d}, logs: {time: 1d}}",
      [&](const std::string& name) -> std::optional<std::string> { return variables.at(name); });
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  EXPECT_EQ(loaded.options.store.metrics.keep_ms, 30 * kMsPerDay);
  EXPECT_EQ(loaded.options.store.metrics.bytes_max, 10ULL << 30);
  EXPECT_EQ(loaded.options.store.logs.keep_ms, 7 * kMsPerDay);
}

TEST(AggregatorConfigTest, RetentionIsThatOfTheOldStackByDefault) {
  EXPECT_EQ(AggregatorConfig{}.store.metrics.keep_ms, 30 * kMsPerDay);
  EXPECT_EQ(AggregatorConfig{}.store.logs.keep_ms, 7 * kMsPerDay);
}

TEST(AggregatorConfigTest, LimitsThatDoNotGoTogetherAreAProblem) {
  EXPECT_EQ(
      Load("store:\n  wal_map_bytes: 1GiB\n  flush: {wal_bytes_max: 1GiB}\n").problems.ToString(),
      "aggregator.yaml:3: store.flush.wal_bytes_max: must be at most a quarter of "
      "wal_map_bytes\n");
}

TEST(AggregatorConfigTest, HttpListensOnLoopbackAndAgentsOnAll) {
  EXPECT_EQ(AggregatorConfig{}.listen.address, "127.0.0.1:9090");
  EXPECT_EQ(AggregatorConfig{}.agents.listen, ":9095");
}

TEST(AggregatorConfigTest, ACertificateWithoutItsKeyIsAProblem) {
  EXPECT_EQ(Load("listen:\n  tls_certificate: /c.pem\n").problems.ToString(),
            "aggregator.yaml:2: listen.tls_certificate: needs the other of tls_certificate and "
            "tls_key too\n");
}

TEST(AggregatorConfigTest, RulesOfRetentionAreSelectorsWithAnAge) {
  const auto loaded = Load(R"(
retention:
  metrics: {time: 30d}
  metrics_rules:
    - {match: '{job="batch"}', keep: 7d}
    - {match: 'http_requests_total{code=~"2.."}', keep: 30d}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const AggregatorConfig config = Resolved(loaded.options);
  ASSERT_EQ(config.metrics.rules.size(), 2U);
  EXPECT_EQ(config.metrics.rules[0].keep_ms, 7 * kMsPerDay);
  EXPECT_EQ(config.metrics.rules[0].matchers.size(), 1U);
  EXPECT_EQ(config.metrics.rules[1].matchers.size(), 2U);
  EXPECT_NE(config.metrics.rules[0].id, config.metrics.rules[1].id);
}

TEST(AggregatorConfigTest, RulesOfRetentionThatCannotBeKeptAreProblems) {
  const auto f = [](const std::string& rule, const std::string& problem) {
    const auto loaded = Load("retention: {metrics: {time: 10d}, metrics_rules: [" + rule + "]}\n");
    EXPECT_FALSE(loaded.ok()) << rule;
    EXPECT_NE(loaded.problems.ToString().find(problem), std::string::npos)
        << loaded.problems.ToString();
  };
  f("{match: '{job=', keep: 1d}", "match {job=: ");
  f("{match: 'sum(up)', keep: 1d}", "match sum(up): ");
  f("{match: up, keep: 11d}", "longer than retention.metrics.time");
  f("{match: up, keep: 1m}", "keep");
  f("{keep: 1d}", "match");
}

}  // namespace
}  // namespace opssight
