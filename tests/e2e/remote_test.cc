// Debian's prometheus beside ours: it sends by remote write, reads by remote read, and our
// reader takes apart the chunks that it streams. Skipped where it is not installed.
#include <bit>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "common/bytes/snappy.h"
#include "common/codec/remote/read.h"
#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

constexpr const char* kPrometheus = "/usr/bin/prometheus";

class Prometheus {
 public:
  // more: sections of its configuration.
  Prometheus(E2eWorld& world, const std::string& name, bool scrapes_itself, const std::string& more,
             int port = FreePort())
      : port_(port),
        config_(world / (name + ".yml")),
        program_(name,
                 {kPrometheus, "--config.file=" + config_, "--storage.tsdb.path=" + (world / name),
                  fmt::format("--web.listen-address=127.0.0.1:{}", port_),
                  "--web.enable-remote-write-receiver"},
                 world / (name + ".log")) {
    std::ofstream file(config_);
    file << "global: {scrape_interval: 1s}\n" << more;
    if (!scrapes_itself) return;
    file << fmt::format(
        "scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        port_);
  }
  Status Start() { return program_.Start(); }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::string Log() const { return program_.LogTail(); }

 private:
  const int port_;
  const std::string config_;
  Program program_;
};

class Remote : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kPrometheus)) GTEST_SKIP() << "prometheus is not installed";
    ASSERT_EQ(Why(world_.programs().WriteConfigs()), "");
    ASSERT_EQ(Why(world_.programs().aggregator().Start()), "");
    ASSERT_EQ(Why(world_.programs().WaitForAggregator(kSoon)), "");
  }
  std::string Metrics() { return HttpGet(world_.programs().url() + "/metrics").body; }
  static std::string Read(const std::string& url, const ReadRequest& request) {
    return HttpPost(url + "/api/v1/read", SnappyCompress(EncodeReadRequest(request)),
                    {"Content-Type: application/x-protobuf", "Content-Encoding: snappy"})
        .body;
  }
  E2eWorld world_;
};

TEST_F(Remote, PrometheusWritesToUsAndReadsFromUs) {
  Prometheus sender(world_, "sender", true,
                    fmt::format("remote_write: [{{url: '{}/api/v1/write', queue_config: "
                                "{{batch_send_deadline: 1s}}, metadata_config: {{send_interval: "
                                "1s}}}}]\n",
                                world_.programs().url()));
  ASSERT_EQ(Why(sender.Start()), "");
  EXPECT_TRUE(world_.Comes("\"job\":\"self\"", [&] { return world_.Query("up{job=\"self\"}"); }))
      << sender.Log();
  EXPECT_TRUE(world_.Comes("\"job\":\"self\"",
                           [&] { return world_.Query("go_memstats_alloc_bytes{job=\"self\"}"); }));
  EXPECT_THAT(Metrics(),
              testing::HasSubstr("opssight_remote_write_requests_total{result=\"invalid\"} 0"));
  EXPECT_THAT(Metrics(),
              testing::HasSubstr("opssight_remote_write_requests_total{result=\"partial\"} 0"));

  // Another one, which has nothing of its own and asks us.
  Prometheus reader(world_, "reader", false,
                    fmt::format("remote_read: [{{url: '{}/api/v1/read', read_recent: true}}]\n",
                                world_.programs().url()));
  ASSERT_EQ(Why(reader.Start()), "");
  EXPECT_TRUE(world_.Comes("\"value\":[", [&] {
    return HttpGet(reader.url() + "/api/v1/query?query=" +
                   UrlEscape("sum(rate(prometheus_http_requests_total[1m]))"))
        .body;
  })) << reader.Log();
}

// Both answer the same request with the same samples, in both forms.
TEST_F(Remote, WhatPrometheusStreamsIsWhatItAnswers) {
  Prometheus other(world_, "other", true, "");
  ASSERT_EQ(Why(other.Start()), "");
  EXPECT_TRUE(world_.Comes("\"self\"", [&] {
    return HttpGet(other.url() + "/api/v1/query?query=" + UrlEscape("go_goroutines offset 3s"))
        .body;
  })) << other.Log();
  ReadRequest request{.queries = {{.from_ms = 0,
                                   .to_ms = 4'000'000'000'000,
                                   .matchers = {{.type = ReadMatcher::Type::kRegex,
                                                 .name = "__name__",
                                                 .value = "go_.*|up"}}}},
                      .accepted = {ReadResponseType::kStreamedXorChunks}};
  // Samples first: the other answer has at least those.
  request.accepted = {ReadResponseType::kSamples};
  std::string bytes;
  ASSERT_TRUE(SnappyDecompress(Read(other.url(), request), 64 << 20, bytes));
  const auto samples = DecodeReadResponse(bytes, {});
  ASSERT_TRUE(samples) << samples.error().message;
  request.accepted = {ReadResponseType::kStreamedXorChunks};
  const auto stream = DecodeChunkStream(Read(other.url(), request), {});
  ASSERT_TRUE(stream) << stream.error().message;
  std::map<std::string, std::map<std::int64_t, double>> streamed;
  for (const StreamedSeries& part : *stream) {
    for (const WriteSample& sample : part.series.samples) {
      streamed[part.series.labels.ToString()][sample.time_ms] = sample.value;
    }
  }
  ASSERT_EQ(samples->size(), 1U);
  EXPECT_GT(samples->front().size(), 30U);
  for (const ReadSeries& series : samples->front()) {
    const auto& got = streamed[series.labels.ToString()];
    for (const WriteSample& sample : series.samples) {
      const auto at = got.find(sample.time_ms);
      ASSERT_NE(at, got.end()) << series.labels.ToString();
      EXPECT_EQ(std::bit_cast<std::uint64_t>(at->second),
                std::bit_cast<std::uint64_t>(sample.value));
    }
  }
}

// What we are given goes on to prometheus, once, also when it was away meanwhile and we were
// started again.
TEST(RemoteOut, SendsOnWhatWeAreGiven) {
  if (!std::filesystem::exists(kPrometheus)) GTEST_SKIP() << "prometheus is not installed";
  const int port = FreePort();
  E2eWorld world(
      "", fmt::format("remote_write: [{{url: 'http://127.0.0.1:{}/api/v1/write'}}]\n", port));
  Programs& programs = world.programs();
  ASSERT_EQ(Why(programs.WriteConfigs()), "");
  ASSERT_EQ(Why(programs.aggregator().Start()), "");
  ASSERT_EQ(Why(programs.WaitForAggregator(kSoon)), "");
  const auto send = [&](double value) {
    const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
    return HttpPost(
               programs.url() + "/api/v1/write",
               SnappyCompress(EncodeWriteV1({{.labels = {{"__name__", "sent_on"}},
                                              .samples = {{.time_ms = now_ms, .value = value}}}},
                                            {})),
               {"Content-Type: application/x-protobuf", "Content-Encoding: snappy"})
        .status;
  };
  EXPECT_EQ(send(1), 204);
  ASSERT_EQ(Why(programs.aggregator().Terminate(kSoon)), "");
  ASSERT_EQ(Why(programs.aggregator().Start()), "");
  ASSERT_EQ(Why(programs.WaitForAggregator(kSoon)), "");
  EXPECT_EQ(send(2), 204);
  Prometheus receiver(world, "receiver", false, "", port);
  ASSERT_EQ(Why(receiver.Start()), "");
  const auto ask = [&](const std::string& query) {
    return HttpGet(receiver.url() + "/api/v1/query?query=" + UrlEscape(query)).body;
  };
  EXPECT_TRUE(world.Comes("\"2\"]", [&] { return ask("count_over_time(sent_on[1h])"); }))
      << receiver.Log();
  EXPECT_THAT(ask("sum_over_time(sent_on[1h])"), testing::HasSubstr("\"3\"]"));
  EXPECT_TRUE(world.Comes("} 2\n", [&] {
    const std::string all = HttpGet(programs.url() + "/metrics").body;
    const std::size_t at = all.find("opssight_forward_samples_total{");
    return at == all.npos ? "" : all.substr(at, all.find('\n', at) + 1 - at);
  }));
}

}  // namespace
}  // namespace opssight
