#include "agent/scrape/target.h"

#include <gtest/gtest.h>

#include "agent/scrape/docker_discovery.h"

namespace opssight {
namespace {

std::string Made(const ScrapeJob& job, const TargetLabels& found,
                 const std::vector<RelabelOptions>& rules = {}) {
  const auto target = MakeTarget(job, {}, *Relabeler::Make(rules), found);
  if (!target) return target.error().message;
  if (!*target) return "dropped";
  return (*target)->url + " " + (*target)->labels.ToString();
}

TEST(TargetTest, UrlAndLabels) {
  EXPECT_EQ(Made({.job_name = "j"}, {{"__address__", "h:1"}}),
            R"(http://h:1/metrics {instance="h:1", job="j"})");
  EXPECT_EQ(Made({.job_name = "j",
                  .metrics_path = "/m",
                  .scheme = "https",
                  .params = {{"match[]", {"a b", "c"}}}},
                 {{"__address__", "h:1"}, {"__meta_x", "y"}, {"env", "e"}}),
            R"(https://h:1/m?match%5B%5D=a%20b&match%5B%5D=c {env="e", instance="h:1", job="j"})");
  EXPECT_EQ(Made({.job_name = "j"}, {{"__address__", "h:1"}, {"instance", "i"}, {"job", "own"}}),
            R"(http://h:1/metrics {instance="i", job="own"})");
}

TEST(TargetTest, ATargetsOwnParameterStays) {
  EXPECT_EQ(Made({.job_name = "j", .params = {{"x", {"job"}}, {"y", {"job"}}}},
                 {{"__address__", "h:1"}, {"__param_x", "own"}}),
            R"(http://h:1/metrics?x=own&y=job {instance="h:1", job="j"})");
}

TEST(TargetTest, Relabeling) {
  EXPECT_EQ(Made({.job_name = "j"}, {{"__address__", "h:1"}, {"__meta_path", "/p"}},
                 {{.source_labels = {"__meta_path"}, .target_label = "__metrics_path__"},
                  {.target_label = "__param_x", .replacement = "1"}}),
            R"(http://h:1/p?x=1 {instance="h:1", job="j"})");
  EXPECT_EQ(Made({.job_name = "j"}, {{"__address__", "h:1"}},
                 {{.source_labels = {"job"}, .regex = "j", .action = RelabelAction::kDrop}}),
            "dropped");
}

TEST(TargetTest, GlobalUrls) {
  EXPECT_EQ(GlobalUrl("http://127.0.0.1:9100/metrics", "web1"), "http://web1:9100/metrics");
  EXPECT_EQ(GlobalUrl("https://localhost/m?a=localhost", "web1"), "https://web1/m?a=localhost");
  EXPECT_EQ(GlobalUrl("http://[::1]:9/", "web1"), "http://web1:9/");
  EXPECT_EQ(GlobalUrl("http://localhost.example:9/", "web1"), "http://localhost.example:9/");
  EXPECT_EQ(GlobalUrl("http://h:9/", "web1"), "http://h:9/");
  EXPECT_EQ(GlobalUrl("http://localhost:9/", ""), "http://localhost:9/");
}

TEST(TargetTest, Refused) {
  EXPECT_EQ(Made({.job_name = "j"}, {}), "no address");
  EXPECT_EQ(Made({.job_name = "j"}, {{"__address__", "h/x"}}), "\"h/x\" is not an address");
  EXPECT_EQ(Made({.job_name = "j", .interval_ms = 1000}, {{"__address__", "h:1"}},
                 {{.target_label = "__scrape_timeout__", .replacement = "2s"}}),
            "the scrape timeout is longer than the interval");
}

TEST(TargetTest, Times) {
  const Target target{.interval_ms = 15'000, .hash = 4'000};
  EXPECT_EQ(NextScrapeMs(target, 0, 60'000), 64'000);
  EXPECT_EQ(NextScrapeMs(target, 0, 64'000), 79'000);
  EXPECT_EQ(ScrapeTimeMs(64'000, 64'002, 15'000), 64'000);
  EXPECT_EQ(ScrapeTimeMs(64'000, 64'003, 15'000), 64'003);
  EXPECT_EQ(ScrapeTimeMs(64'000, 64'001, 50), 64'001);
}

TEST(TargetTest, Files) {
  const auto f = [](const std::string& text) {
    const auto found = ParseTargetFile("f", text);
    if (!found) return found.error().message;
    std::string out;
    for (const TargetLabels& labels : *found) out += Labels(labels).ToString() + "\n";
    return out;
  };
  EXPECT_EQ(f("- targets: [a:1, b:2]\n  labels: {x: y}\n- targets: [c:3]\n"),
            "{__address__=\"a:1\", __meta_filepath=\"f\", x=\"y\"}\n"
            "{__address__=\"b:2\", __meta_filepath=\"f\", x=\"y\"}\n"
            "{__address__=\"c:3\", __meta_filepath=\"f\"}\n");
  EXPECT_EQ(f("[\n\t{\n\t\t\"targets\": [\"a:1\"],\n\t\t\"labels\": {\"x\": \"y\"}\n\t}\n]\n"),
            "{__address__=\"a:1\", __meta_filepath=\"f\", x=\"y\"}\n");
  EXPECT_EQ(f(""), "");
  EXPECT_EQ(ParseTargetFile("t.json", " \n").error().message,
            "t.json: it is empty, which is no JSON");
  EXPECT_EQ(f("a: b\n"), "f:1: the file must be a list");
  EXPECT_NE(f("- target: [a]\n").find("did you mean \"targets\""), std::string::npos);
}

TEST(TargetTest, AcceptHeaderHasFallingWeights) {
  EXPECT_EQ(AcceptHeader(ProtocolsOf({})),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
            "*/*;q=0.2");
}

constexpr std::string_view kContainers = R"([
  {"Id":"c1","Names":["/web"],"Image":"nginx","ImageID":"sha256:1",
   "Labels":{"com.docker.compose.service":"web"},
   "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
            {"PrivatePort":53,"Type":"udp"}],
   "HostConfig":{"NetworkMode":"bridge"},
   "NetworkSettings":{"Networks":{"b":{"NetworkID":"n2","IPAddress":"10.0.0.2"},
                                  "a":{"NetworkID":"n1","IPAddress":"172.17.0.2"}}}},
  {"Id":"c2","Names":["/host"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"host"},
   "NetworkSettings":{"Networks":{"host":{"NetworkID":"n3","IPAddress":""}}}},
  {"Id":"c3","Names":["/side"],"Ports":[],"HostConfig":{"NetworkMode":"container:c1"},
   "NetworkSettings":{"Networks":{}}}])";
constexpr std::string_view kNetworks =
    R"([{"Id":"n1","Name":"a","Scope":"local","Internal":false,"Ingress":false,"Labels":{"k":"v"}}])";

TEST(TargetTest, Docker) {
  const auto found = ParseDocker(kContainers, kNetworks, {});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 3U);
  const auto get = [&](std::size_t i, const std::string& name) {
    return std::string(LabelOf((*found)[i], name));
  };
  EXPECT_EQ(get(0, "__address__"), "172.17.0.2:80");
  EXPECT_EQ(get(0, "__meta_docker_container_name"), "/web");
  EXPECT_EQ(get(0, "__meta_docker_container_label_com_docker_compose_service"), "web");
  EXPECT_EQ(get(0, "__meta_docker_network_name"), "a");
  EXPECT_EQ(get(0, "__meta_docker_network_label_k"), "v");
  EXPECT_EQ(get(0, "__meta_docker_port_private"), "80");
  EXPECT_EQ(get(0, "__meta_docker_port_public"), "8080");
  EXPECT_EQ(get(1, "__address__"), "localhost");  // Its port is not known.
  EXPECT_EQ(get(2, "__address__"), "172.17.0.2:80");
  EXPECT_FALSE(ParseDocker("{}", "[]", {}));
  EXPECT_FALSE(ParseDocker("[", "[]", {}));
  EXPECT_EQ(DockerContainersPath({.filters = {{.name = "label", .values = {"a=b"}}}}),
            "/containers/json?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
}

}  // namespace
}  // namespace opssight
