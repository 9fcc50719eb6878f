#include "agent/container/container_meta.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(ContainerMeta, ReadsWhatDockerWrites) {
  std::ifstream file(OPS_SOURCE_DIR "/tests/data/tail/docker_config.v2.json");
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto meta = ParseDockerConfig(json);
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->id, "043b521509b63b46e785a897f9264cecb3531ebc83d5072fcaeeeae6336bce57");
  EXPECT_EQ(meta->name, "objective_bassi");
  EXPECT_EQ(meta->image, "ubuntu:jammy");
  ASSERT_EQ(meta->labels.size(), 2U);
  EXPECT_EQ(meta->labels[0].name, "org.opencontainers.image.ref.name");
  for (std::size_t size = 0; size < json.size(); size += 7) {  // Half written.
    EXPECT_FALSE(ParseDockerConfig(json.substr(0, size)).has_value()) << size;
  }
}

TEST(ContainerMeta, WrongTypesAreLeftOut) {
  const auto meta =
      ParseDockerConfig(R"({"ID":"a","Name":7,"Config":{"Image":null,"Labels":{"x":1,"y":"z"}}})");
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->name, "");
  EXPECT_EQ(meta->labels, (std::vector<Label>{{"y", "z"}}));
  EXPECT_FALSE(ParseDockerConfig("[]").has_value());
  EXPECT_FALSE(ParseDockerConfig("{}").has_value());
}

TEST(ContainerMeta, ReadsOciAnnotations) {
  const auto meta = ParseOciConfig(
      R"({"annotations":{"io.kubernetes.pod.name":"web","io.kubernetes.pod.namespace":"shop",)"
      R"("io.kubernetes.container.name":"nginx","io.kubernetes.cri-o.ImageName":"nginx:1"}})");
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->pod, "web");
  EXPECT_EQ(meta->pod_namespace, "shop");
  EXPECT_EQ(meta->name, "nginx");
  EXPECT_EQ(meta->image, "nginx:1");
  EXPECT_TRUE(ParseOciConfig("{}").has_value());
}

TEST(ContainerMeta, FindsAContainerInTheStoragesList) {
  const std::string json =
      R"([{"id":"a"},{"id":"b","names":["db"],"metadata":"{\"image-name\":\"postgres:16\"}"}])";
  const auto meta = ParseStorageContainers(json, "b");
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->name, "db");
  EXPECT_EQ(meta->image, "postgres:16");
  EXPECT_FALSE(ParseStorageContainers(json, "c").has_value());
  EXPECT_FALSE(ParseStorageContainers("{}", "a").has_value());
}

}  // namespace
}  // namespace opssight
