#include "aggregator/serve/service.h"

#include <future>

#include <gtest/gtest.h>

namespace opssight {
namespace {

// Series that take as long as the test says; the rest is empty.
class SlowSource final : public SeriesSource,
                         public LineSource,
                         public SpanSource,
                         public GapSource {
 public:
  Result<std::vector<Series>> Select(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                     const QueryLimits& limits) const override {
    started.set_value();
    go.get_future().wait();
    if (limits.cancelled()) return Unavailable("cancelled");
    return std::vector<Series>{};
  }
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                           const QueryLimits&) const override {
    return std::vector<Labels>{};
  }
  Result<std::vector<LogStreamLines>> Select(const LineQuery&, const QueryLimits&) const override {
    return std::vector<LogStreamLines>{};
  }
  Result<std::vector<Labels>> SelectStreams(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                            const QueryLimits&) const override {
    return std::vector<Labels>{};
  }
  Result<std::vector<Span>> Trace(const TraceId&, const QueryLimits&) const override {
    return std::vector<Span>{};
  }
  Result<GapAnswer> Gaps(std::int64_t, std::int64_t, std::size_t) const override {
    return GapAnswer{};
  }
  mutable std::promise<void> started;
  mutable std::promise<void> go;
};

class Answer final : public Responder {
 public:
  void Send(HttpResponse response) override { response_.set_value(std::move(response)); }
  bool cancelled() const override { return gone; }
  HttpResponse Wait() { return response_.get_future().get(); }
  std::atomic<bool> gone{false};

 private:
  std::promise<HttpResponse> response_;
};

class ServiceTest : public testing::Test {
 protected:
  std::shared_ptr<Answer> Ask(std::string method, std::string path, std::string query = {}) {
    auto answer = std::make_shared<Answer>();
    HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    if (!query.empty()) request.params = {{"query", query}, {"timeout", "10s"}};
    service.Handle(std::move(request), answer);
    return answer;
  }
  HttpResponse Get(std::string path) { return Ask("GET", std::move(path))->Wait(); }

  SlowSource source;
  FakeClock clock;
  Registry registry;
  Status reloaded;
  int reloads = 0;
  Api api{{.prometheus = {.series = source}, .lines = source, .spans = source, .gaps = source},
          {},
          clock};
  Service service{api, registry, {.query_threads = 1, .queries_waiting_max = 1}, clock, [this] {
                    ++reloads;
                    return reloaded;
                  }};
};

TEST_F(ServiceTest, IsHealthyAtOnceAndReadyWhenTold) {
  EXPECT_EQ(Get("/-/healthy").status, 200);
  EXPECT_EQ(Get("/-/ready").status, 503);
  const HttpResponse early = Get("/api/v1/labels");
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.body, "Service Unavailable\n");
  EXPECT_EQ(FindHeader(early.headers, "x-prometheus-stopping"), "false");
  EXPECT_EQ(Get("/api/v1/status/walreplay").status, 200);
  service.SetReady();
  EXPECT_EQ(Get("/-/ready").body, "Prometheus Server is Ready.\n");
  EXPECT_EQ(Get("/api/v1/labels").status, 200);
  EXPECT_EQ(Get("/nothing").status, 404);
}

TEST_F(ServiceTest, ReloadsByPostAlone) {
  EXPECT_EQ(Get("/-/reload").status, 405);
  EXPECT_EQ(Ask("POST", "/-/reload")->Wait().status, 200);
  reloaded = Invalid("aggregator.yaml:3: no such key");
  const HttpResponse refused = Ask("POST", "/-/reload")->Wait();
  EXPECT_EQ(refused.status, 500);
  EXPECT_EQ(refused.body, "failed to reload config: aggregator.yaml:3: no such key\n");
  EXPECT_EQ(reloads, 2);
}

TEST_F(ServiceTest, ShowsItsOwnMetrics) {
  registry.Add("opssight_queries_total", "Queries.", service.metrics().queries);
  EXPECT_EQ(Get("/metrics").body,
            "# HELP opssight_queries_total Queries.\n# TYPE opssight_queries_total counter\n"
            "opssight_queries_total 0\n");
}

TEST_F(ServiceTest, QueriesThatAreNoneAreCounted) {
  service.SetReady();
  EXPECT_EQ(Ask("GET", "/api/v1/query", "up{")->Wait().status, 400);
  EXPECT_EQ(service.metrics().invalid.value(), 1U);
  EXPECT_EQ(service.metrics().failed.value(), 0U);
}

TEST_F(ServiceTest, AQueryThatTakesTooLongAnswersSo) {
  service.SetReady();
  const auto answer = Ask("GET", "/api/v1/query", "up");
  source.started.get_future().wait();
  clock.AdvanceMs(10'000);
  source.go.set_value();
  const HttpResponse late = answer->Wait();
  EXPECT_EQ(late.status, 503);
  EXPECT_NE(late.body.find("\"errorType\":\"timeout\""), std::string::npos) << late.body;
  service.Stop();
  EXPECT_EQ(service.metrics().timed_out.value(), 1U);
}

TEST_F(ServiceTest, AQueryForNobodyStopsAndMoreThanFitAreRefused) {
  service.SetReady();
  const auto running = Ask("GET", "/api/v1/query", "up");
  source.started.get_future().wait();
  const auto waiting = Ask("GET", "/loki/api/v1/labels");
  EXPECT_EQ(Ask("GET", "/loki/api/v1/labels")->Wait().status, 503);
  running->gone = true;
  source.go.set_value();
  EXPECT_EQ(waiting->Wait().status, 200);
  service.Stop();
  EXPECT_EQ(service.metrics().abandoned.value(), 1U);
  EXPECT_EQ(service.metrics().refused.value(), 1U);
}

}  // namespace
}  // namespace opssight
