// Hostile input over real HTTP: each line is a request with the status and the text that it
// gets, and the counter that moves. The program answers on after all of them.
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>

#include "common/bytes/snappy.h"
#include "common/bytes/zstd.h"
#include "common/codec/http/content.h"
#include "common/codec/remote/write.h"
#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

// Small limits, so that the bombs can be small.
constexpr const char* kLimits =
    "query: {samples_max: 50000, series_max: 3000}\n"
    "store: {metrics: {series_per_metric_max: 4000}}\n";
constexpr std::int64_t kSeries = 2000;
constexpr std::int64_t kSamples = 20;

const std::vector<std::string> kForm = {"Content-Type: application/x-www-form-urlencoded"};
const std::vector<std::string> kWrite = {"Content-Type: application/x-protobuf",
                                         "Content-Encoding: snappy",
                                         "X-Prometheus-Remote-Write-Version: 0.1.0"};

struct Attack {
  const char* name;
  std::string path;
  std::string body;
  std::vector<std::string> headers;
  int status;
  std::string text;     // In the answer.
  std::string counter;  // Of /metrics.
};

std::string Times(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Why(world_.programs().WriteConfigs()), "");
    ASSERT_EQ(Why(world_.programs().aggregator().Start()), "");
    ASSERT_EQ(Why(world_.programs().WaitForAggregator(kSoon)), "");
    for (const char* name : {"some_total", "other_total"}) {
      const HttpAnswer answer = Write(Many(name, kSeries, kSamples));
      ASSERT_EQ(answer.status, 204) << answer.body;
    }
    ASSERT_TRUE(world_.Comes("\"2000\"", [&] { return world_.Query("count(some_total)"); }));
    ASSERT_TRUE(world_.Comes("\"2000\"", [&] { return world_.Query("count(other_total)"); }));
  }

  // Series that differ in one label, a sample each second until now.
  std::string Many(const std::string& name, std::int64_t series, std::int64_t samples) const {
    std::vector<std::string> numbers;
    for (std::int64_t i = 0; i < series; ++i) numbers.push_back(std::to_string(i));
    std::vector<WriteSeriesOut> all;
    for (const std::string& number : numbers) {
      WriteSeriesOut& out = all.emplace_back();
      out.labels = {{"__name__", name}, {"job", "a"}, {"n", number}};
      for (std::int64_t at = 0; at < samples; ++at) {
        out.samples.push_back({.time_ms = now_ms_ - (samples - 1 - at) * 1000, .value = 1});
      }
    }
    return EncodeWriteV1(all, {});
  }
  std::string One(const std::vector<LabelView>& labels) const {
    WriteSeriesOut out;
    out.labels = labels;
    out.samples.push_back({.time_ms = now_ms_, .value = 1});
    return EncodeWriteV1({out}, {});
  }
  std::string ManyLabels(std::size_t count) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("l{:06}", i));
    std::vector<LabelView> labels = {{"__name__", "exploded"}};
    for (const std::string& name : names) labels.emplace_back(name, "v");
    return One(labels);
  }

  HttpAnswer Write(const std::string& message) {
    return HttpPost(url() + "/api/v1/write", SnappyCompress(message), kWrite);
  }
  std::string url() { return world_.programs().url(); }
  double Counter(const std::string& name) {
    return world_.programs().AggregatorMetric(name).value_or(0);
  }
  void Try(const std::vector<Attack>& attacks) {
    for (const Attack& attack : attacks) {
      SCOPED_TRACE(attack.name);
      const double before = Counter(attack.counter);
      const HttpAnswer answer = HttpPost(url() + attack.path, attack.body, attack.headers);
      EXPECT_EQ(answer.status, attack.status) << answer.body.substr(0, 500);
      EXPECT_THAT(answer.body.substr(0, 2000), testing::HasSubstr(attack.text));
      EXPECT_LE(answer.body.size(), 10'000U);
      EXPECT_GT(Counter(attack.counter), before) << attack.counter;
    }
    EXPECT_THAT(world_.Query("1+1"), testing::HasSubstr("\"2\""));
    EXPECT_TRUE(world_.programs().aggregator().running());
  }

  E2eWorld world_{"", kLimits};
  const std::int64_t now_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
};

TEST_F(Hostile, Queries) {
  const std::string bad = R"(opssight_queries_failed_total{reason="bad_data"})";
  const std::string failed = R"(opssight_queries_failed_total{reason="execution"})";
  const auto instant = [](const std::string& query) { return "query=" + UrlEscape(query); };
  const auto range = [](const std::string& query, const std::string& rest) {
    return "query=" + UrlEscape(query) + "&" + rest;
  };
  const std::string query = "/api/v1/query";
  const std::string query_range = "/api/v1/query_range";
  Try({
      {"nested parentheses", query, instant(Times("(", 50'000) + "1" + Times(")", 50'000)), kForm,
       400, "parse error", bad},
      {"nested signs", query, instant(Times("-", 100'000) + "1"), kForm, 400, "parse error", bad},
      {"nested calls", query, instant(Times("abs(", 20'000) + "up" + Times(")", 20'000)), kForm,
       400, "parse error", bad},
      {"a regex of a million states", query,
       instant(R"x(some_total{n=~"(((((a{30}){30}){30}){30}){30})"})x"), kForm, 400, "parse error",
       bad},
      {"a long query", query, instant("up{a=\"" + std::string(200'000, 'x') + "\"}"), kForm, 400,
       "too long", bad},
      {"a billion steps", query_range, range("up", "start=0&end=1000000000&step=1"), kForm, 400,
       "exceeded maximum resolution of 11,000 points per timeseries", bad},
      {"a step of nothing", query_range, range("up", "start=0&end=10&step=0"), kForm, 400,
       "zero or negative query resolution step widths are not accepted", bad},
      {"a subquery of a billion steps", query, instant("sum_over_time(vector(1)[11d:1ms])"), kForm,
       422, "query processing would load too many samples into memory in query execution", failed},
      {"subqueries of subqueries", query,
       instant("sum_over_time(sum_over_time(sum_over_time(vector(1)[1h:1ms])[1h:1ms])[1h:1ms])"),
       kForm, 422, "too many samples", failed},
      {"too many samples", query, instant("sum(max_over_time(some_total[1m:1s]))"), kForm, 422,
       "samples", failed},
      {"too many series", query, instant("count({job=\"a\"})"), kForm, 422,
       "query selects more than 3000 series", failed},
      {"everything with everything", query, instant("some_total * on() other_total"), kForm, 422,
       "many-to-many matching not allowed", failed},
      {"everything with one side", query, instant("some_total * on(job) group_left() other_total"),
       kForm, 422, "found duplicate series for the match group", failed},
      {"a name for each sample", query_range,
       range("label_replace(some_total, \"n\", \"$1$1$1$1\", \"n\", \"(.*)\")",
             fmt::format("start={}&end={}&step=0.01", now_ms_ / 1000 - 60, now_ms_ / 1000)),
       kForm, 422, "samples", failed},
      {"a label that grows", query,
       instant(Times("label_replace(", 12) + "some_total{n=\"1\"}" +
               Times(R"re(, "n", "$1$1$1$1$1$1$1$1", "n", "(.*)"))re", 12)),
       kForm, 422, "label value of more than 65536 bytes", failed},
      {"labels that grow", query,
       instant(Times("label_join(", 15) + "some_total" + Times(R"re(, "n", "", "n", "n"))re", 15)),
       kForm, 422, "too many samples", failed},
      {"all series in two halves", "/api/v1/series", "match[]=some_total&match[]=other_total",
       kForm, 422, "more than 3000 series", failed},
  });
}

TEST_F(Hostile, Writes) {
  const std::string write = "/api/v1/write";
  const std::string too_large = R"(opssight_remote_write_requests_total{result="too_large"})";
  const std::string invalid = R"(opssight_remote_write_requests_total{result="invalid"})";
  const auto bad_series = [](const std::string& reason) {
    return "opssight_remote_write_bad_series_total{reason=\"" + reason + "\"}";
  };
  const std::string huge(10 << 20, 'v');
  std::string claims = SnappyCompress(std::string(100, 'a'));
  claims = std::string("\xff\xff\xff\xff\x0f", 5) + claims.substr(1);  // 4 GiB.
  Try({
      {"a snappy bomb", write, SnappyCompress(std::string(64 << 20, '\0')), kWrite, 413, "limit",
       too_large},
      {"snappy that claims 4 GiB", write, claims, kWrite, 413, "limit", too_large},
      {"no snappy", write, "hello", kWrite, 400, "snappy", invalid},
      {"no protobuf", write, SnappyCompress("hello"), kWrite, 400, "", invalid},
      {"a label of 10 MB", write, SnappyCompress(One({{"__name__", "x"}, {"l", huge}})), kWrite,
       400, "label_too_long, limit 1024 bytes for a name, 8192 for a value",
       bad_series("label_too_long")},
      {"a name of 10 MB", write, SnappyCompress(One({{"__name__", huge}})), kWrite, 400,
       "label_too_long", bad_series("label_too_long")},
      {"10,000 labels on a series", write, SnappyCompress(ManyLabels(10'000)), kWrite, 400,
       "too_many_labels, limit 64", bad_series("too_many_labels")},
      {"300,000 series in a request", write, SnappyCompress(Many("many_total", 300'000, 1)), kWrite,
       413, "200000", too_large},
      {"another coding",
       write,
       "x",
       {"Content-Type: application/x-protobuf", "Content-Encoding: br"},
       415,
       "br",
       R"(opssight_http_refused_total{reason="unsupported_coding"})"},
      {"another message",
       write,
       "x",
       {"Content-Type: text/plain", "Content-Encoding: snappy"},
       415,
       "",
       R"(opssight_remote_write_requests_total{result="unsupported"})"},
  });
}

// What no request alone shows: series are added until a metric has too many.
TEST_F(Hostile, AMetricThatExplodes) {
  EXPECT_EQ(Write(Many("exploding_total", 20'000, 1)).status, 204);
  EXPECT_TRUE(
      WaitFor(kSoon, [&] { return Counter("opssight_metrics_limited_samples_total") >= 16'000; }));
  EXPECT_THAT(world_.Query("count(exploding_total)"), testing::HasSubstr("more than 3000 series"));
  EXPECT_THAT(world_.Query("count(exploding_total{n=~\"1.*\"})"), testing::HasSubstr("success"));
}

TEST_F(Hostile, Codings) {
  const std::string zeros(100 << 20, '\0');
  const std::string too_large = R"(opssight_http_refused_total{reason="too_large"})";
  const std::string bad = R"(opssight_http_refused_total{reason="bad_request"})";
  const std::string gzip = "Content-Encoding: gzip";
  const std::string zstd = "Content-Encoding: zstd";
  const std::string form = kForm[0];
  const std::string otlp = "Content-Type: application/x-protobuf";
  const std::string metrics = "/api/v1/otlp/v1/metrics";
  Try({
      {"a gzip bomb to a query",
       "/api/v1/query",
       GzipEncode(zeros),
       {form, gzip},
       413,
       "",
       too_large},
      {"a zstd bomb to a query",
       "/api/v1/query",
       ZstdCompress(zeros),
       {form, zstd},
       413,
       "",
       too_large},
      {"a gzip bomb to OTLP", metrics, GzipEncode(zeros), {otlp, gzip}, 413, "", too_large},
      {"a zstd bomb to OTLP", metrics, ZstdCompress(zeros), {otlp, zstd}, 413, "", too_large},
      {"no gzip", "/api/v1/query", "hello", {form, gzip}, 400, "gzip", bad},
      {"a body of 100 MB", "/api/v1/query", zeros, {form}, 413, "", too_large},
  });
}

}  // namespace
}  // namespace opssight
