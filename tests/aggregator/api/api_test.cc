#include "aggregator/api/api.h"

#include <optional>

#include "aggregator/api/selector.h"

namespace opssight {
namespace {

constexpr std::int64_t kNowMs = 1'767'225'600'000;

class FakeSeries final : public SeriesSource {
 public:
  Result<std::vector<Series>> Select(const std::vector<Matcher>& matchers, std::int64_t from_ms,
                                     std::int64_t to_ms, const QueryLimits& limits) const override {
    if (thinning && limits.thinned) limits.thinned(*thinning);
    std::vector<Series> out;
    for (const Series& series : all) {
      if (!MatchesAll(matchers, series.labels)) continue;
      Series found{.labels = series.labels, .samples = {}};
      for (const Sample& sample : series.samples) {
        if (sample.time_ms >= from_ms && sample.time_ms <= to_ms) found.samples.push_back(sample);
      }
      if (!found.samples.empty()) out.push_back(found);
    }
    return out;
  }
  Result<std::vector<Labels>> SelectLabels(const std::vector<Matcher>& matchers, std::int64_t,
                                           std::int64_t, const QueryLimits&) const override {
    std::vector<Labels> out;
    for (const Series& series : all) {
      if (MatchesAll(matchers, series.labels)) out.push_back(series.labels);
    }
    return out;
  }
  std::vector<Series> all;
  std::optional<Thinning> thinning;
};

class FakeLines final : public LineSource {
 public:
  Result<std::vector<LogStreamLines>> Select(const LineQuery& query,
                                             const QueryLimits&) const override {
    asked = query;
    return all;
  }
  Result<std::vector<Labels>> SelectStreams(const std::vector<Matcher>&, std::int64_t, std::int64_t,
                                            const QueryLimits&) const override {
    std::vector<Labels> out;
    for (const LogStreamLines& stream : all) out.push_back(stream.stream);
    return out;
  }
  std::vector<LogStreamLines> all;
  mutable LineQuery asked;
};

class FakeSpans final : public SpanSource {
 public:
  Result<std::vector<Span>> Trace(const TraceId& id, const QueryLimits&) const override {
    if (failure) return *failure;
    std::vector<Span> out;
    for (const Span& span : all) {
      if (span.trace_id == id) out.push_back(span);
    }
    return out;
  }
  std::vector<Span> all;
  std::optional<Error> failure;
};

class FakeGaps final : public GapSource {
 public:
  Result<GapAnswer> Gaps(std::int64_t, std::int64_t, std::size_t limit) const override {
    limit_ = limit;
    return GapAnswer{.gaps = {{.signal = Signal::kLogs,
                               .stream = "{a=\"b\"}",
                               .from_ns = 1,
                               .to_ns = 2,
                               .count = 3,
                               .reason = "spool full"}},
                     .truncated = limit == 1};
  }
  mutable std::size_t limit_ = 0;
};

class ApiTest : public testing::Test {
 protected:
  HttpResponse Get(std::string path, std::vector<std::pair<std::string, std::string>> params = {},
                   Headers headers = {}) {
    HttpRequest request;
    request.method = "GET";
    request.path = std::move(path);
    request.params = std::move(params);
    request.headers = std::move(headers);
    return api.Handle(request).value_or(HttpResponse{.status = 0});
  }
  FakeSeries series;
  FakeLines lines;
  FakeSpans spans;
  FakeGaps gaps;
  FakeClock clock{kNowMs * kNsPerMs};
  Api api{
      ApiSources{.prometheus = {.series = series}, .lines = lines, .spans = spans, .gaps = gaps},
      ApiOptions{}, clock};
};

TEST_F(ApiTest, BeyondASelectorIsAClearError) {
  EXPECT_EQ(Get("/loki/api/v1/query_range", {{"query", "{a=\"b\"} | json"}}).body.substr(0, 34),
            "parse error at line 1, col 9: only");
}

TEST_F(ApiTest, LogLinesAsLokiHasThem) {
  lines.all = {{.stream = Labels{{"app", "x"}},
                .lines = {{.time_ns = 2, .line = "b\"\xff", .metadata = {{"t", "1"}}},
                          {.time_ns = 1, .line = "a", .metadata = {}}}}};
  EXPECT_EQ(
      Get("/loki/api/v1/query_range", {{"query", "{app=\"x\"} |= \"a\" != `b`"}, {"limit", "7"}})
          .body,
      "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":["
      "{\"stream\":{\"app\":\"x\"},\"values\":[[\"1\",\"a\"]]},"
      "{\"stream\":{\"app\":\"x\",\"t\":\"1\"},\"values\":[[\"2\",\"b\\\"\xef\xbf\xbd\"]]}],"
      "\"stats\":{}}}");
  EXPECT_EQ(lines.asked.limit, 7U);
  ASSERT_EQ(lines.asked.filters.size(), 2U);
  EXPECT_FALSE(lines.asked.filters[1].want);
  EXPECT_EQ(lines.asked.to_ns, kNowMs * kNsPerMs);
  EXPECT_EQ(lines.asked.to_ns - lines.asked.from_ns, 3600 * kNsPerSecond);
  const std::string categorized = Get("/loki/api/v1/query_range", {{"query", "{app=\"x\"}"}},
                                      {{"x-loki-response-encoding-flags", "categorize-labels"}})
                                      .body;
  EXPECT_NE(categorized.find(R"({"structuredMetadata":{"t":"1"}}],["1","a",{}]])"),
            std::string::npos)
      << categorized;
  EXPECT_EQ(Get("/loki/api/v1/labels").body, R"({"status":"success","data":["app"]})");
  EXPECT_EQ(Get("/loki/api/v1/label/none/values").body, R"({"status":"success"})");
  EXPECT_EQ(Get("/loki/api/v1/query_range", {{"query", "{app=\"x\"}"}, {"limit", "0"}}).body,
            "limit must be a positive value\n");
}

TEST_F(ApiTest, LokiTimesBeyondWhatFitsAreTakenAsTheLastThatDoes) {
  constexpr std::int64_t kLast = 6'000'000'000 * kNsPerSecond;
  const auto ask = [this](const std::string& start, const std::string& end) {
    return Get("/loki/api/v1/query_range", {{"query", "{a=\"b\"}"}, {"start", start}, {"end", end}})
        .status;
  };
  EXPECT_EQ(ask("-999999999", "9999999999"), 200);
  EXPECT_EQ(lines.asked.from_ns, -999'999'999 * kNsPerSecond);
  EXPECT_EQ(lines.asked.to_ns, kLast);
  EXPECT_EQ(ask("-9223372036854775808", "9223372036854775807"), 200);
  EXPECT_EQ(lines.asked.from_ns, -kLast);
  EXPECT_EQ(lines.asked.to_ns, kLast);
  EXPECT_EQ(ask("", "-9223372036854775808"), 200) << "an hour before";
  EXPECT_EQ(Get("/loki/api/v1/labels", {{"end", "-9223372036854775808"}}).status, 200);
}

TEST_F(ApiTest, AnswersOfFewerSamplesWarn) {
  series.all = {
      {.labels = Labels{{"__name__", "g"}}, .samples = {{.time_ms = kNowMs - 60'000, .value = 3}}}};
  const std::string exact = Get("/api/v1/query", {{"query", "g"}}).body;
  EXPECT_EQ(std::string::npos, exact.find("warnings")) << exact;
  series.thinning = {.before_ms = kNowMs, .resolution_ms = 300'000};
  const std::string thinned = Get("/api/v1/query", {{"query", "g"}}).body;
  EXPECT_NE(std::string::npos,
            thinned.find(R"("warnings":["PromQL warning: samples of g before 2026-01-01T00:00:00Z )"
                         R"-(are kept as rollups of 5m only; the answer is approximate (1:1)"])-"))
      << thinned;
}

TEST_F(ApiTest, TracesAsJaegerHasThem) {
  Span span;
  span.trace_id[15] = 0xab;
  span.span_id[7] = 1;
  span.name = "op";
  span.kind = 2;
  span.start_ns = 5'000;
  span.end_ns = 9'000;
  span.attributes = {{.key = "n", .value = Value::Int(1LL << 60)}};
  span.resource = std::make_shared<Resource>(
      Resource{.attributes = {{.key = "service.name", .value = Value::String("svc")}}});
  spans.all = {span};
  EXPECT_EQ(
      Get("/api/traces/ab").body,
      R"({"data":[{"traceID":"000000000000000000000000000000ab","spans":[{"traceID":)"
      R"("000000000000000000000000000000ab","spanID":"0000000000000001","operationName":"op",)"
      R"("references":[],"startTime":5,"duration":4,"tags":[{"key":"n","type":"int64","value":)"
      R"("1152921504606846976"},{"key":"span.kind","type":"string","value":"server"}],"logs":[],)"
      R"("processID":"p1","warnings":null}],"processes":{"p1":{"serviceName":"svc","tags":[]}},)"
      R"("warnings":null}],"total":0,"limit":0,"offset":0,"errors":null})");
  Span other = span;  // Of an equal process and of another one.
  other.resource = std::make_shared<Resource>(*span.resource);
  spans.all.push_back(other);
  other.resource = nullptr;
  spans.all.push_back(other);
  const std::string body = Get("/api/traces/ab").body;
  EXPECT_THAT(body, testing::HasSubstr(R"("p2":{"serviceName":"OTLPResourceNoServiceName")"));
  EXPECT_THAT(body, testing::Not(testing::HasSubstr("p3")));
  EXPECT_EQ(Get("/api/traces/cd").status, 404);
  spans.failure = Exhausted("too many spans");
  EXPECT_EQ(Get("/api/traces/ab").status, 422);
  spans.failure = Unavailable("not now");
  EXPECT_EQ(Get("/api/traces/ab").status, 503);
  EXPECT_EQ(Get("/api/traces/xyz").status, 400);
}

TEST_F(ApiTest, GapsAndUnknownPaths) {
  EXPECT_EQ(Get("/-/healthy").status, 0) << "not an API's path: somebody else's";
  EXPECT_EQ(Get("/api/v1/nothing").status, 404);
  EXPECT_EQ(Get("/loki/api/v1/nothing").status, 404);
  EXPECT_EQ(Get("/api/v1/monitoring/gaps", {{"end", "9999999999"}}).status, 200);
  EXPECT_EQ(Get("/api/v1/monitoring/gaps", {{"end", "x"}}).status, 400);
  EXPECT_EQ(Get("/api/v1/monitoring/gaps").body,
            R"({"status":"success","data":[{"signal":"logs","stream":"{a=\"b\"}",)"
            R"("fromUnixNano":"1","toUnixNano":"2","count":3,"reason":"spool full"}]})");
  EXPECT_EQ(gaps.limit_, 10'000U);
  EXPECT_EQ(Get("/api/v1/monitoring/gaps", {{"limit", "1"}}).body.substr(0, 45),
            R"({"status":"success","truncated":true,"data":[)");
  EXPECT_EQ(Get("/api/v1/monitoring/gaps", {{"limit", "999999999"}}).status, 200);
  EXPECT_EQ(gaps.limit_, 100'000U);
  EXPECT_EQ(Get("/api/v1/monitoring/gaps", {{"limit", "x"}}).status, 400);
}

TEST(SelectorTest, ErrorsSayWhere) {
  for (const char* bad :
       {"", "{}", "{a=\"\"}", "up{", "up{a}", "up{a=b}", "up[", "up[x]", "up[0s]", "up{a=~\"(\"}",
        "up{a=\"\\q\"}", "up{a=\"b", "a{__name__=\"b\"}", "1+1"}) {
    EXPECT_FALSE(ParseLogSelector(bad).has_value()) << bad;
  }
  EXPECT_EQ(ParseLogSelector("{c=\"\\u00e9\",} |= `x`")->matchers.front().value(), "\u00e9");
  EXPECT_FALSE(ParseDurationMs("30m1h").has_value());
  EXPECT_FALSE(ParseDurationMs("9999999999999y").has_value());
}

}  // namespace
}  // namespace opssight
