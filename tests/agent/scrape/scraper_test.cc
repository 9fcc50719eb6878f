// Scraper over real sockets: a target that comes and goes, files that change, a Docker
// daemon on a unix socket.
#include "agent/scrape/scraper.h"

#include <atomic>
#include <bit>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "common/http/server.h"
#include "tests/support/http.h"
#include "tests/support/null_sink.h"
#include "tests/support/temp_dir.h"

namespace opssight {
namespace {

using std::chrono::seconds;

class LastValues final : public NullSink {
 public:
  void AcceptMetrics(MetricRow row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const std::string name = row.layout->series()[i].labels.PrometheusText();
      const bool stale = std::bit_cast<std::uint64_t>(row.values[i]) == kStaleNanBits;
      values[name] = stale ? "stale" : std::to_string(static_cast<int>(row.values[i]));
      ++counts[name + " " + values[name]];
    }
  }

  void AcceptTargets(TargetsSnapshot snapshot) override { targets = std::move(snapshot); }

  std::map<std::string, std::string> values;
  std::map<std::string, int> counts;  // Of each value of each.
  TargetsSnapshot targets;
};

class ScraperTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_.RunSync([this] {
      loop_.AssertHere();
      auto server = HttpServer::Open(
          loop_, {{.address = {.host = "127.0.0.1", .port = 0}, .tls = nullptr}}, {},
          [this](const HttpRequest&, std::shared_ptr<Responder> responder) {
            if (status_.load() == kSilent) return held_.push_back(std::move(responder));
            responder->Send({.status = status_.load(),
                             .headers = {{"content-type", "text/plain; version=0.0.4"}},
                             .body = "a 7\n"});
          },
          Clock::System());
      ASSERT_TRUE(server) << server.error().message;
      server_ = *std::move(server);
    });
  }
  void TearDown() override {
    std::promise<void> closed;
    loop_.RunSync([&] {
      scraper_.reset();
      held_.clear();
      server_->Stop(0, [&] {
        server_.reset();
        closed.set_value();
      });
    });
    closed.get_future().wait();
    loop_.Stop();
  }
  void Start(ScrapeJob job, std::int64_t interval_ms = 20) {
    job.job_name = "j";
    job.interval_ms = interval_ms;
    job.timeout_ms = interval_ms;
    Start(std::vector<ScrapeJob>{std::move(job)});
  }
  // As a reload does.
  void Start(const std::vector<ScrapeJob>& jobs) {
    loop_.RunSync([&] {
      loop_.AssertHere();
      if (scraper_ != nullptr) memory_ = scraper_->Leave();
      auto scraper = Scraper::Start(loop_, Clock::System(), {}, jobs, 1, sink_, memory_);
      ASSERT_TRUE(scraper) << scraper.error().message;
      scraper_ = *std::move(scraper);
    });
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(server_->port(0)); }
  bool Becomes(const std::string& series, const std::string& value) {
    return WaitFor(seconds(20), [&] {
      std::string now;
      loop_.RunSync([&] { now = sink_.values[series]; });
      return now == value;
    });
  }
  ScrapeStats Stats() {
    ScrapeStats out;
    loop_.RunSync([&] { out = scraper_->stats(); });
    return out;
  }
  TargetsSnapshot Targets() {
    TargetsSnapshot out;
    loop_.RunSync([&] { out = scraper_->Targets(); });
    return out;
  }

  Loop loop_{"scrape"};
  LastValues sink_;
  static constexpr int kSilent = 0;
  std::atomic<int> status_{200};
  std::vector<std::shared_ptr<Responder>> held_;  // The loop's.
  std::unique_ptr<HttpServer> server_;
  ScrapeMemory memory_;
  std::unique_ptr<Scraper> scraper_;
};

TEST_F(ScraperTest, UpDownUp) {
  Start({.static_targets = {{.targets = {Address()}}}});
  const std::string labels = "{instance=\"" + Address() + "\", job=\"j\"}";
  EXPECT_TRUE(Becomes("a" + labels, "7"));
  EXPECT_TRUE(Becomes("up" + labels, "1"));
  status_ = 500;
  EXPECT_TRUE(Becomes("a" + labels, "stale"));
  EXPECT_TRUE(Becomes("up" + labels, "0"));
  const TargetsSnapshot targets = Targets();
  ASSERT_EQ(targets.pools.size(), 1U);
  ASSERT_EQ(targets.pools[0].active.size(), 1U);
  const TargetState& target = targets.pools[0].active[0];
  EXPECT_EQ(target.last_error, "server returned HTTP status 500");
  EXPECT_EQ(target.scrape_url, "http://" + Address() + "/metrics");
  EXPECT_EQ(target.health, TargetHealth::kDown);
  status_ = 200;
  EXPECT_TRUE(Becomes("a" + labels, "7"));
}

TEST_F(ScraperTest, ATargetThatAReloadTakesAwayEnds) {
  Start({.static_targets = {{.targets = {Address()}}}});
  const std::string labels = "{instance=\"" + Address() + "\", job=\"j\"}";
  EXPECT_TRUE(Becomes("a" + labels, "7"));
  Start(std::vector<ScrapeJob>{});
  EXPECT_TRUE(memory_.empty());
  EXPECT_TRUE(Becomes("a" + labels, "stale"));
  EXPECT_TRUE(Becomes("up" + labels, "stale"));
}

TEST_F(ScraperTest, ATargetThatStaysGoesOnOverAReload) {
  Start({.static_targets = {{.targets = {Address()}}}});
  const std::string labels = "{instance=\"" + Address() + "\", job=\"j\"}";
  EXPECT_TRUE(Becomes("scrape_series_added" + labels, "0"));  // The second scrape.
  Start({.static_targets = {{.targets = {Address()}}}}, 30);
  EXPECT_TRUE(WaitFor(seconds(20), [&] { return Stats().scrapes >= 4; }));
  loop_.RunSync([&] {
    EXPECT_EQ(sink_.counts["scrape_series_added" + labels + " 1"], 1);
    EXPECT_EQ(sink_.counts["up" + labels + " stale"], 0);
  });
}

TEST_F(ScraperTest, ATimeoutAsLongAsTheIntervalSkipsNothing) {
  status_ = kSilent;
  Start({.static_targets = {{.targets = {Address()}}}}, 50);
  EXPECT_TRUE(WaitFor(seconds(20), [&] { return Stats().failed >= 6; }));
  EXPECT_LT(Stats().late, 3U);  // Of six.
}

// At once; a change within some seconds.
TEST_F(ScraperTest, TargetsAreTold) {
  const auto told = [this] {
    TargetsSnapshot out;
    loop_.RunSync([&] { out = sink_.targets; });
    return out;
  };
  RelabelOptions drop;
  drop.source_labels = {"__address__"};
  drop.regex = "gone:.*";
  drop.action = RelabelAction::kDrop;
  ScrapeJob job{.static_targets = {{.targets = {Address(), "gone:1"}}}, .relabel = {drop}};
  job.http.basic_auth = {.username = "me", .username_file = "", .password = "my-secret"};
  Start(std::move(job));
  EXPECT_TRUE(WaitFor(seconds(20), [&] {
    const TargetsSnapshot now = told();
    return now.pools.size() == 1 && now.pools[0].active.size() == 1 &&
           now.pools[0].active[0].health == TargetHealth::kUp;
  }));
  const TargetsSnapshot now = told();
  EXPECT_EQ(now.pools[0].dropped_count, 1U);
  ASSERT_EQ(now.pools[0].dropped.size(), 1U);
  EXPECT_EQ(now.pools[0].dropped[0].Get("__address__"), "gone:1");
  EXPECT_NE(now.pools[0].config_yaml.find("job_name: j\n"), std::string::npos)
      << now.pools[0].config_yaml;
  EXPECT_EQ(now.pools[0].config_yaml.find("my-secret"), std::string::npos);
  EXPECT_LT(now.pools[0].config_yaml.size(), 3000U) << now.pools[0].config_yaml;
  status_ = 500;
  EXPECT_TRUE(WaitFor(seconds(20), [&] {
    return told().pools[0].active[0].last_error == "server returned HTTP status 500";
  }));
}

TEST_F(ScraperTest, AFileBringsAndTakesTargets) {
  const TempDir dir;
  const std::string path = dir.path() + "/targets.json";
  std::ofstream(path) << "[{\"targets\": [\"" << Address() << "\"]}]";
  Start({.files = {{.files = {dir.path() + "/*.json"}}}});
  const std::string labels = "{instance=\"" + Address() + "\", job=\"j\"}";
  EXPECT_TRUE(Becomes("a" + labels, "7"));
  std::ofstream(path) << "[{\"targets\": [";  // Broken: what there was stays.
  EXPECT_TRUE(WaitFor(seconds(20), [&] {
    std::uint64_t failed = 0;
    loop_.RunSync([&] { failed = scraper_->stats().discovery_failed; });
    return failed != 0;
  }));
  EXPECT_EQ(Targets().pools[0].active.size(), 1U);
  std::ofstream(path) << "[]";
  EXPECT_TRUE(Becomes("a" + labels, "stale"));
  EXPECT_TRUE(Becomes("up" + labels, "stale"));
  EXPECT_TRUE(Targets().pools[0].active.empty());
}

TEST_F(ScraperTest, AFolderPutInAnothersPlaceIsWatched) {
  const TempDir dir;
  const std::string old_path = dir.path() + "/d/t.json";
  const std::string targets = "[{\"targets\": [\"" + Address() + "\"]}]";
  std::filesystem::create_directory(dir.path() + "/d");
  std::filesystem::create_directory(dir.path() + "/next");
  std::ofstream(old_path) << targets;
  std::ofstream(dir.path() + "/next/t.json") << "[]";
  Start({.files = {{.files = {dir.path() + "/d/*.json"}}}});
  const std::string labels = "{instance=\"" + Address() + "\", job=\"j\"}";
  EXPECT_TRUE(Becomes("a" + labels, "7"));
  ASSERT_EQ(renameat2(AT_FDCWD, (dir.path() + "/d").c_str(), AT_FDCWD,
                      (dir.path() + "/next").c_str(), RENAME_EXCHANGE),
            0);
  EXPECT_TRUE(Becomes("a" + labels, "stale"));
  std::ofstream(old_path) << targets;
  EXPECT_TRUE(Becomes("a" + labels, "7"));
}

TEST_F(ScraperTest, WhatIsFoundOfATargetFollows) {
  const TempDir dir;
  const std::string path = dir.path() + "/t.json";
  const auto write = [&](const std::string& value) {
    std::ofstream(path) << "[{\"targets\": [\"" << Address() << "\"], \"labels\": {\"__meta_a\": \""
                        << value << "\"}}]";
  };
  write("1");
  Start({.files = {{.files = {path}}}});
  write("2");
  EXPECT_TRUE(WaitFor(seconds(20), [&] {
    const TargetsSnapshot now = Targets();
    return now.pools[0].active.size() == 1 &&
           now.pools[0].active[0].discovered.Get("__meta_a") == "2";
  }));
}

// Answers GET /containers/json and /networks on a unix socket, a connection each.
class FakeDocker {
 public:
  FakeDocker(const std::string& path, std::string containers) : containers_(std::move(containers)) {
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 10), 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeDocker() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

 private:
  void Run() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t size = read(fd, buffer, sizeof buffer);
        if (size <= 0) break;
        request.append(buffer, static_cast<std::size_t>(size));
      }
      const std::string body = request.starts_with("GET /networks") ? "[]" : containers_;
      const std::string answer =
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n\r\n" + body;
      EXPECT_EQ(write(fd, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      close(fd);
    }
  }
  const std::string containers_;
  int listener_ = -1;
  std::thread thread_;
};

TEST_F(ScraperTest, DockerNamesTargets) {
  const TempDir dir;
  const std::string port = std::to_string(server_->port(0));
  const FakeDocker docker(
      dir.path() + "/s",
      R"([{"Id":"c","Names":["/web"],"Ports":[{"PrivatePort":)" + port +
          R"(,"Type":"tcp"}],"NetworkSettings":{"Networks":{"a":{"IPAddress":"127.0.0.1"}}}}])");
  ScrapeJob job{.docker = {{.host = "unix://" + dir.path() + "/s"}}};
  job.relabel = {{.source_labels = {"__meta_docker_container_name"},
                  .regex = "/(.*)",
                  .target_label = "instance"}};
  Start(std::move(job));
  EXPECT_TRUE(Becomes("a{instance=\"web\", job=\"j\"}", "7"));
}

}  // namespace
}  // namespace opssight
