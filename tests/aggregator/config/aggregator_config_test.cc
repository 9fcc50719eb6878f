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
agents: {names: [mon.example.org], certificate_days: 7}
query: {timeout: 10s, samples_max: 1000, lookback: 1m}
store: {meta_bytes_max: 2GiB, logs: {block_bytes: 2MiB}}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.problems.ToString();
  const AggregatorConfig config = Resolved(loaded.options);
  EXPECT_EQ(config.logs.dir, "/srv/ops");
  EXPECT_EQ(config.spans.dir, "/srv/ops");
  EXPECT_EQ(config.logs.block_raw_bytes, 2U << 20);
  EXPECT_EQ(config.meta.map_bytes, 2ULL << 30);
  EXPECT_THAT(config.listen.aliases, ElementsAre(3100, 9093));
  EXPECT_EQ(config.agents.registry.certificate_days, 7);
  EXPECT_EQ(config.query.timeout_ms, 10'000);
  EXPECT_EQ(config.query.api.limits.samples_max, 1000U);
  EXPECT_EQ(config.query.api.lookback_ms, 60'000);
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

}  // namespace
}  // namespace opssight
