#include "agent/tail/file_names.h"

#include <gtest/gtest.h>

namespace opssight {
namespace {

TEST(FileNames, MatchesComponentsAndPaths) {
  EXPECT_TRUE(MatchName("*-json.log", "ab-json.log"));
  EXPECT_FALSE(MatchName("*-json.log", "ab-json.log.1"));
  EXPECT_TRUE(MatchName("a*b*c", "aXbXbc"));
  EXPECT_TRUE(MatchName("a?c", "abc"));
  EXPECT_TRUE(MatchName("[a-c]x", "bx"));
  EXPECT_FALSE(MatchName("[!a-c]x", "bx"));
  EXPECT_TRUE(MatchName("[x", "[x"));
  EXPECT_FALSE(MatchName("*", ".hidden"));
  EXPECT_TRUE(MatchName("", ""));
  EXPECT_FALSE(MatchName("", "a"));
  EXPECT_TRUE(MatchPath("/var/log/*.log", "/var/log/a.log"));
  EXPECT_FALSE(MatchPath("/var/log/*.log", "/var/log/x/a.log"));
  EXPECT_TRUE(MatchPath("/var/**/*.log", "/var/log/x/a.log"));
  EXPECT_TRUE(MatchPath("/var/**/*.log", "/var/a.log"));
  EXPECT_FALSE(MatchPath("/var/**/*.log", "/var"));
  EXPECT_TRUE(MatchPath("/var/**", "/var/log/x"));
}

TEST(FileNames, KnowsOlderFilesOfALiveOne) {
  const auto kind = [](std::string_view base, std::string_view name) -> std::string {
    const auto rotated = ParseRotatedName(base, name);
    if (!rotated) return "-";
    const char* kinds[] = {"number", "date", "other"};
    return std::string(kinds[static_cast<int>(rotated->kind)]) + " " + rotated->digits +
           (rotated->gz ? " gz" : "");
  };
  EXPECT_EQ(kind("app.log", "app.log.1"), "number 1");
  EXPECT_EQ(kind("app.log", "app.log.012.gz"), "number 12 gz");
  EXPECT_EQ(kind("app.log", "app.log-20260101"), "date 20260101");
  EXPECT_EQ(kind("0.log", "0.log.20260101-101112.gz"), "date 20260101101112 gz");
  EXPECT_EQ(kind("app.log", "app-2026-01-01T10-11-12.345.log.gz"), "date 20260101101112345 gz");
  EXPECT_EQ(kind("app.log", "app.log.old"), "other ");
  EXPECT_EQ(kind("app.log", "app.log"), "-");
  EXPECT_EQ(kind("app.log", "app-1.log"), "-");  // A second worker's file.
  EXPECT_EQ(kind("app.log", "app.log.tmp"), "-");
  EXPECT_EQ(kind("app.log", "app.log.1.tmp"), "-");
  EXPECT_EQ(kind("app.log", "app.log-1"), "-");
}

TEST(FileNames, NamesTheLiveFile) {
  EXPECT_THAT(LiveNamesOf("app.log.1.gz"), testing::Contains("app.log"));
  EXPECT_THAT(LiveNamesOf("app-20260101.log"), testing::Contains("app.log"));
  EXPECT_THAT(LiveNamesOf("app.log"), testing::IsEmpty());
  EXPECT_THAT(LiveNamesOf("app-1.log"), testing::IsEmpty());
}

TEST(FileNames, ReadsPodPaths) {
  const auto pod = ParsePodPath("/host/var/log/pods/shop_web-7f_0a1b/nginx/3.log");
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(pod->pod_namespace, "shop");
  EXPECT_EQ(pod->pod, "web-7f");
  EXPECT_EQ(pod->container, "nginx");
  EXPECT_FALSE(ParsePodPath("/var/log/pods/web/nginx/3.log").has_value());
  EXPECT_FALSE(ParsePodPath("/var/log/pods/a_b_c/nginx").has_value());
  const std::string name = "/var/log/containers/web_shop_nginx-" + std::string(64, 'a') + ".log";
  const auto link = ParseContainersLink(name);
  ASSERT_TRUE(link.has_value());
  EXPECT_EQ(link->pod_namespace, "shop");
  EXPECT_EQ(link->pod, "web");
  EXPECT_EQ(link->container, "nginx");
  EXPECT_FALSE(ParseContainersLink("/var/log/containers/web_shop_nginx-abc.log").has_value());
}

TEST(FileNames, MakesLabelNames) {
  EXPECT_EQ(LabelName("com.docker.compose.service"), "com_docker_compose_service");
  EXPECT_EQ(LabelName("1a-b"), "_1a_b");
}

}  // namespace
}  // namespace opssight
