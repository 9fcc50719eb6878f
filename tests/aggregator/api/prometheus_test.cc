// Requests as clients send them, with the whole answer.
#include "aggregator/api/prometheus.h"

#include <bit>

#include <gtest/gtest.h>

#include "aggregator/api/prom_routes.h"
#include "common/codec/expo/expo.h"
#include "common/config/yaml.h"
#include "common/text/number.h"
#include "tests/support/memory_series.h"

namespace opssight {
namespace {

constexpr std::int64_t kNowMs = 1'767'225'600'000;
using Params = std::vector<std::pair<std::string, std::string>>;

class FakeExemplars final : public ExemplarSource {
 public:
  Result<std::vector<SeriesExemplars>> Select(const std::vector<Matcher>& matchers,
                                              std::int64_t from_ms, std::int64_t to_ms,
                                              const QueryLimits&) const override {
    std::vector<SeriesExemplars> out;
    for (const SeriesExemplars& series : all) {
      SeriesExemplars found{.series = series.series, .exemplars = {}};
      for (const ExemplarPoint& point : series.exemplars) {
        if (point.time_ms >= from_ms && point.time_ms <= to_ms) found.exemplars.push_back(point);
      }
      if (!found.exemplars.empty() && MatchesAll(matchers, series.series)) out.push_back(found);
    }
    return out;
  }
  std::vector<SeriesExemplars> all;
};

class FakeMetadata final : public MetadataSource {
 public:
  Result<std::vector<MetricMetadata>> Metadata(std::string_view metric, std::size_t,
                                               const QueryLimits&) const override {
    std::vector<MetricMetadata> out;
    for (const MetricMetadata& fact : all) {
      if (metric.empty() || fact.name == metric) out.push_back(fact);
    }
    return out;
  }
  std::vector<MetricMetadata> all;
};

class FakeTsdb final : public TsdbStats {
 public:
  TsdbStatistics Statistics(std::size_t top) const override {
    return {.series = 2,
            .label_pairs = 4,
            .chunks = 3,
            .min_time_ms = 1,
            .max_time_ms = 2,
            .series_by_metric = {{"up", top}},
            .values_by_label = {{"job", 2}},
            .bytes_by_label = {{"job", 9}},
            .series_by_label_value = {{"job=a", 1}}};
  }
};

class FakeAdmin final : public MetricsAdmin {
 public:
  Status DeleteSeries(const std::vector<std::vector<Matcher>>& selectors, std::int64_t from_ms,
                      std::int64_t to_ms) override {
    deleted = std::to_string(selectors.size()) + " " + std::to_string(from_ms) + " " +
              std::to_string(to_ms);
    return {};
  }
  Status CleanTombstones() override { return Unavailable("busy"); }
  Result<std::string> Snapshot(bool skip_head) override {
    return std::string(skip_head ? "without-head" : "whole");
  }
  std::string deleted;
};

// Two agents: both have the job "a", one "b", too.
class FakeTargets final : public TargetsSource {
 public:
  std::vector<std::shared_ptr<const TargetsSnapshot>> Snapshots() const override {
    const std::string rules =
        "relabel_configs:\n"
        "  - {source_labels: [__address__], regex: \"(.*):1\", target_label: host}\n"
        "  - {source_labels: [host], regex: x, action: drop}\n"
        "  - {target_label: late, replacement: set}\n";
    const TargetState target = {.labels = Labels{{"instance", "h:1"}, {"job", "a"}},
                                .discovered = Labels{{"__address__", "h:1"}},
                                .scrape_url = "http://h:1/metrics",
                                .global_url = "http://g:1/metrics",
                                .health = TargetHealth::kDown,
                                .last_error = "refused",
                                .last_scrape_ms = kNowMs,
                                .last_duration_s = 0.25,
                                .interval_ms = 15'000,
                                .timeout_ms = 10'000};
    TargetState other = target;
    other.labels = Labels{{"instance", "i:1"}, {"job", "a"}};
    TargetsSnapshot first;
    first.pools.push_back(
        {.name = "b", .dropped = {Labels{{"__address__", "x:1"}}}, .dropped_count = 3});
    first.pools.push_back({.name = "a", .config_yaml = rules, .active = {target}});
    TargetsSnapshot second;
    second.pools.push_back({.name = "a", .active = {other}, .dropped_count = 1});
    return {std::make_shared<const TargetsSnapshot>(first),
            std::make_shared<const TargetsSnapshot>(second)};
  }
};

class FakeRules final : public RulesSource {
 public:
  std::vector<RuleGroupState> Groups() const override {
    return {{.name = "g",
             .file = "f.yaml",
             .interval_s = 60,
             .limit = 0,
             .evaluation_s = 0.001,
             .last_evaluation_ns = kNowMs * kNsPerMs,
             .rules = {{.alerting = true,
                        .name = "Down",
                        .query = "up == 0",
                        .labels = Labels{{"severity", "page"}},
                        .healthy = true,
                        .evaluation_s = 0.5,
                        .last_evaluation_ns = kNowMs * kNsPerMs,
                        .for_s = 300,
                        .annotations = Labels{{"summary", "s"}},
                        .alerts = {{.labels = Labels{{"alertname", "Down"}},
                                    .firing = true,
                                    .active_at_ns = kNowMs * kNsPerMs,
                                    .value = 1}}},
                       {.name = "r:x", .query = "sum by (x) (y) > 1", .last_error = "e"}}},
            {.name = "h", .file = "f.yaml", .rules = {}}};
  }
};

class PrometheusTest : public testing::Test {
 protected:
  HttpResponse Ask(std::string method, std::string path, Params params = {},
                   Headers headers = {}) const {
    HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.params = std::move(params);
    request.headers = std::move(headers);
    const PrometheusApi api(sources, options, clock);
    return api.Handle(request,
                      {.series_max = series_max, .cancelled = [this] { return cancelled; }},
                      [this] { return late; });
  }
  std::string Get(std::string path, Params params = {}) const {
    return Ask("GET", "/api/v1/" + std::move(path), std::move(params)).body;
  }
  // What is in data of a success, or all of an error.
  std::string Data(std::string path, Params params = {}) const {
    constexpr std::string_view kBefore = R"({"status":"success","data":)";
    std::string body = Get(std::move(path), std::move(params));
    if (body.starts_with(kBefore))
      body = body.substr(kBefore.size(), body.size() - kBefore.size() - 1);
    return body;
  }
  void Fill() {
    series.Add(Labels{{"__name__", "up"}, {"job", "a"}}, kNowMs - 20'000, 0);
    series.Add(Labels{{"__name__", "up"}, {"job", "a"}}, kNowMs - 10'000, 1);
    series.Add(Labels{{"__name__", "up"}, {"job", "b"}, {"my.label", "x"}}, kNowMs - 1'500, 0.5);
  }

  MemorySeries series;
  FakeExemplars exemplars;
  FakeMetadata metadata;
  FakeAdmin admin;
  ServerInfo server;
  PrometheusSources sources = {.series = series,
                               .exemplars = &exemplars,
                               .metadata = &metadata,
                               .admin = &admin,
                               .server = &server};
  ApiOptions options;
  FakeClock clock{kNowMs * kNsPerMs};
  std::uint64_t series_max = 1000;
  bool cancelled = false;
  bool late = false;
};

// What Grafana's data source sends: its health check, panels, variables, and the explorer.
TEST_F(PrometheusTest, AnswersGrafana) {
  Fill();
  EXPECT_EQ(Ask("POST", "/api/v1/query", {{"query", "1+1"}, {"time", "4"}}).body,
            R"({"status":"success","data":{"resultType":"scalar","result":[4,"2"]}})");
  EXPECT_EQ(Data("status/buildinfo").substr(0, 19), R"({"version":"3.14.0")");
  EXPECT_EQ(Data("status/buildinfo").find("features"), std::string::npos);
  EXPECT_EQ(Ask("POST", "/api/v1/query_range",
                {{"query", "up * 2"},
                 {"start", "1767225585.000"},
                 {"end", "1767225600.000"},
                 {"step", "15"},
                 {"timeout", "60s"}})
                .body,
            R"({"status":"success","data":{"resultType":"matrix","result":[)"
            R"({"metric":{"job":"a"},"values":[[1767225585,"0"],[1767225600,"2"]]},)"
            R"({"metric":{"job":"b","my.label":"x"},"values":[[1767225600,"1"]]}]}})");
  const Params range = {{"start", "1767225000"}, {"end", "1767225600"}, {"limit", "40000"}};
  EXPECT_EQ(Data("labels", range), R"(["__name__","job","my.label"])");
  EXPECT_EQ(Data("label/job/values", range), R"(["a","b"])");
  EXPECT_EQ(Data("label/U__my_2e_label/values", range), R"(["x"])");
  Params match = range;
  match.emplace_back("match[]", "{__name__=\"up\",job=~\"a|c\"}");
  EXPECT_EQ(Ask("POST", "/api/v1/series", match).body,
            R"({"status":"success","data":[{"__name__":"up","job":"a"}]})");
  EXPECT_EQ(Data("metadata", {{"limit", "40000"}}), "{}");
  EXPECT_EQ(Data("rules"), R"({"groups":[]})");
  EXPECT_EQ(Data("alerts"), R"({"alerts":[]})");
  EXPECT_EQ(Ask("POST", "/api/v1/query_exemplars",
                {{"query", "rate(up[5m])"}, {"start", "0"}, {"end", "1767225600"}})
                .body,
            R"({"status":"success","data":[]})");
}

TEST_F(PrometheusTest, InstantQueriesGiveEachType) {
  Fill();
  EXPECT_EQ(Data("query", {{"query", "up{job=\"a\"}"}}),
            R"({"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},)"
            R"("value":[1767225600,"1"]}]})");
  EXPECT_EQ(Data("query", {{"query", "up{job=\"b\"}[1m]"}}),
            R"({"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"b",)"
            R"("my.label":"x"},"values":[[1767225598.500,"0.5"]]}]})");
  EXPECT_EQ(Data("query", {{"query", "\"é\""}, {"time", "1.0625"}}),
            R"({"resultType":"string","result":[1.063,"é"]})");
  EXPECT_EQ(Data("query", {{"query", "1/0"}, {"time", "0"}}),
            R"({"resultType":"scalar","result":[0,"+Inf"]})");
  EXPECT_EQ(Data("query", {{"query", "nothing"}}), R"({"resultType":"vector","result":[]})");
  EXPECT_EQ(Data("query", {{"query", "up{job=\"a\"}"}, {"lookback_delta", "5s"}}),
            R"({"resultType":"vector","result":[]})");
}

TEST_F(PrometheusTest, HistogramsAreWritten) {
  Histogram histogram;
  histogram.count = 6;
  histogram.sum = 18.5;
  histogram.zero_count = 1;
  histogram.zero_threshold = 0.25;
  histogram.positive_spans = {{.offset = 0, .length = 3}};
  histogram.positive = {2, 0, 3};
  series.Add(Labels{{"__name__", "h"}}, kNowMs,
             std::make_shared<const Histogram>(std::move(histogram)));
  EXPECT_EQ(Data("query", {{"query", "h"}}),
            R"({"resultType":"vector","result":[{"metric":{"__name__":"h"},"histogram":)"
            R"([1767225600,{"count":"6","sum":"18.5","buckets":[[3,"-0.25","0.25","1"],)"
            R"([0,"0.5","1","2"],[0,"2","4","3"]]}]}]})");
}

TEST_F(PrometheusTest, LimitsCutAndWarn) {
  Fill();
  EXPECT_EQ(Get("label/job/values", {{"limit", "1"}}),
            R"({"status":"success","data":["a"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Get("labels", {{"limit", "3"}}),
            R"({"status":"success","data":["__name__","job","my.label"]})");
  EXPECT_EQ(Get("series", {{"match[]", "up"}, {"limit", "1"}}),
            R"({"status":"success","data":[{"__name__":"up","job":"a"}],)"
            R"("warnings":["results truncated due to limit"]})");
  EXPECT_NE(Get("query", {{"query", "up"}, {"limit", "1"}})
                .find(R"("warnings":["results truncated due to limit"])"),
            std::string::npos);
  options.answer_points_max = 1;
  const HttpResponse large = Ask("GET", "/api/v1/query", {{"query", "up[1m]"}});
  EXPECT_EQ(large.status, 422);
  // A histogram is as large as its buckets are many.
  series.Add(Labels{{"__name__", "h"}}, kNowMs,
             std::make_shared<const Histogram>(
                 Histogram{.positive_spans = {{.offset = 0, .length = 3}}, .positive = {2, 1, 3}}));
  options.answer_points_max = 3;
  EXPECT_EQ(Ask("GET", "/api/v1/query", {{"query", "h"}}).status, 422);
  options.answer_points_max = 4;
  EXPECT_EQ(Ask("GET", "/api/v1/query", {{"query", "h"}}).status, 200);
}

TEST_F(PrometheusTest, StatsWhereAsked) {
  Fill();
  const std::string with = Data("query", {{"query", "up"}, {"stats", "all"}});
  EXPECT_NE(with.find(R"("stats":{"timings":{"evalTotalTime":0,)"), std::string::npos) << with;
  EXPECT_NE(with.find(R"("samples":{"totalQueryableSamples":)"), std::string::npos) << with;
  EXPECT_EQ(with.find("warnings"), std::string::npos) << with;
  const std::string odd = Get("query", {{"query", "up"}, {"stats", "1"}});
  EXPECT_NE(odd.find(R"("stats":{)"), std::string::npos) << odd;
  EXPECT_NE(odd.find(R"("warnings":["values of the parameter stats)"), std::string::npos) << odd;
}

TEST_F(PrometheusTest, ErrorsAreTypedAndWorded) {
  Fill();
  const struct {
    const char* path;
    Params params;
    int status;
    const char* type;
    const char* error;
  } cases[] = {
      {"query",
       {{"query", "up{"}},
       400,
       "bad_data",
       R"(invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces)"},
      {"query",
       {},
       400,
       "bad_data",
       R"(invalid parameter \"query\": unknown position: parse error: no expression found in input)"},
      {"query",
       {{"query", "1"}, {"time", "x"}},
       400,
       "bad_data",
       R"(invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp)"},
      {"query",
       {{"query", "1"}, {"timeout", "x"}},
       400,
       "bad_data",
       R"(invalid parameter \"timeout\": cannot parse \"x\" to a valid duration)"},
      {"query",
       {{"query", "1"}, {"limit", "x"}},
       400,
       "bad_data",
       R"(invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax)"},
      {"query",
       {{"query", "1"}, {"limit", "-1"}},
       400,
       "bad_data",
       R"(invalid parameter \"limit\": limit must be non-negative)"},
      {"query",
       {{"query", "1"}, {"lookback_delta", "1x"}},
       400,
       "bad_data",
       R"(error parsing lookback delta duration: cannot parse \"1x\" to a valid duration)"},
      {"query_range",
       {{"query", "1"}},
       400,
       "bad_data",
       R"(invalid parameter \"start\": cannot parse \"\" to a valid timestamp)"},
      {"query_range",
       {{"query", "1"}, {"start", "2"}, {"end", "1"}, {"step", "1"}},
       400,
       "bad_data",
       R"(invalid parameter \"end\": end timestamp must not be before start time)"},
      {"query_range",
       {{"query", "1"}, {"start", "1"}, {"end", "2"}, {"step", "0"}},
       400,
       "bad_data",
       R"(invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer)"},
      {"query_range",
       {{"query", "1"}, {"start", "1"}, {"end", "2"}, {"step", "1e20"}},
       400,
       "bad_data",
       R"(invalid parameter \"step\": cannot parse \"1e20\" to a valid duration. It overflows int64)"},
      {"query_range",
       {{"query", "1"}, {"start", "0"}, {"end", "11001"}, {"step", "1"}},
       400,
       "bad_data",
       R"(exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX))"},
      {"query_range",
       {{"query", "up[5m]"}, {"start", "1"}, {"end", "2"}, {"step", "1"}},
       400,
       "bad_data",
       R"(invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector)"},
      {"series", {}, 400, "bad_data", "no match[] parameter provided"},
      {"series",
       {{"match[]", "{}"}},
       400,
       "bad_data",
       R"(invalid parameter \"match[]\": match[] must contain at least one non-empty matcher)"},
      {"labels", {{"match[]", "up["}}, 400, "bad_data", R"(1:3: parse error: unexpected \"[\")"},
      {"labels",
       {{"start", "x"}},
       400,
       "bad_data",
       R"(invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp)"},
      {"metadata", {{"limit", "x"}}, 400, "bad_data", "limit must be a number"},
      {"targets/metadata", {{"limit", "x"}}, 400, "bad_data", "limit must be a number"},
      {"targets/metadata",
       {{"match_target", "{"}},
       400,
       "bad_data",
       R"(invalid parameter \"match_target\": 1:2: parse error: unexpected end of input inside braces)"},
      {"targets/relabel_steps", {}, 400, "bad_data", "no scrapePool parameter provided"},
      {"scrape_pools/config", {}, 400, "bad_data", "no scrapePool parameter provided"},
      {"scrape_pools/config",
       {{"scrapePool", "x"}},
       400,
       "bad_data",
       R"(scrape pool \"x\" not found)"},
      {"rules",
       {{"type", "x"}},
       400,
       "bad_data",
       R"(invalid parameter \"type\": not supported value \"x\")"},
      {"query_exemplars",
       {{"query", "up"}, {"start", "2"}, {"end", "1"}},
       400,
       "bad_data",
       "end timestamp must not be before start timestamp"},
      {"status/tsdb", {{"limit", "0"}}, 400, "bad_data", "limit must be a positive number"},
      {"query", {{"query", "up == on() up"}}, 422, "execution", nullptr},
  };
  for (const auto& test : cases) {
    const HttpResponse response = Ask("GET", std::string("/api/v1/") + test.path, test.params);
    EXPECT_EQ(response.status, test.status) << response.body;
    if (test.error == nullptr) continue;
    EXPECT_EQ(response.body, std::string(R"({"status":"error","errorType":")") + test.type +
                                 R"(","error":")" + test.error + "\"}");
  }
}

TEST_F(PrometheusTest, QueriesThatAreEndedSayHow) {
  Fill();
  cancelled = true;
  const HttpResponse gone = Ask("GET", "/api/v1/query", {{"query", "up + up"}});
  EXPECT_EQ(gone.status, 499);
  EXPECT_NE(gone.body.find(R"("errorType":"canceled")"), std::string::npos) << gone.body;
  late = true;
  const HttpResponse slow = Ask("GET", "/api/v1/query", {{"query", "up + up"}});
  EXPECT_EQ(slow.status, 503);
  EXPECT_NE(slow.body.find("query timed out in expression evaluation"), std::string::npos);
}

TEST_F(PrometheusTest, TimesAndDurationsInAllForms) {
  series.Add(Labels{{"__name__", "up"}}, 10'000, 1);
  const auto ask = [&](const char* start, const char* end, const char* step) {
    return Data("query_range", {{"query", "up"}, {"start", start}, {"end", end}, {"step", step}});
  };
  const std::string answer = ask("10", "20", "10");
  EXPECT_EQ(answer, R"({"resultType":"matrix","result":[{"metric":{"__name__":"up"},)"
                    R"("values":[[10,"1"],[20,"1"]]}]})");
  EXPECT_EQ(ask("1970-01-01T00:00:10Z", "1970-01-01T00:00:20.000Z", "10s"), answer);
  EXPECT_EQ(Data("labels", {{"start", "-292273086-05-16T16:47:06Z"},
                            {"end", "292277025-08-18T07:12:54.999999999Z"}}),
            R"(["__name__"])");
  // Beyond what nanoseconds hold, and beyond all times.
  for (const char* end : {"9999999999", "9999-12-31T23:59:59Z", "1e300"}) {
    EXPECT_EQ(Data("labels", {{"start", "-62135596800"}, {"end", end}}), R"(["__name__"])") << end;
  }
  EXPECT_EQ(Data("query", {{"query", "vector(1)"}, {"time", "1700000000000"}}),
            R"({"resultType":"vector","result":[{"metric":{},"value":[1700000000000,"1"]}]})");
  EXPECT_EQ(Data("query", {{"query", "time()"}, {"time", "0001-01-01T00:00:00Z"}}),
            R"({"resultType":"scalar","result":[-62135596800,"-62135596800"]})");
  EXPECT_NE(ask("-1e300", "1e300", "10").find("exceeded maximum resolution"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/api/v1/query", {{"query", "1"}, {"time", "NaN"}}).status, 400);
}

TEST_F(PrometheusTest, SelectorsTogetherKeepToLimits) {
  Fill();
  series.Add(Labels{{"__name__", "a"}, {"job", "a"}}, kNowMs - 1'000, 1);
  series_max = 2;
  const Params same = {{"match[]", "up"}, {"match[]", "{__name__=\"up\"}"}};
  const Params more = {{"match[]", "up"}, {"match[]", "a"}};
  EXPECT_EQ(Ask("GET", "/api/v1/series", same).status, 200);
  const HttpResponse refusal = Ask("GET", "/api/v1/series", more);
  EXPECT_EQ(refusal.status, 422);
  EXPECT_NE(refusal.body.find("query selects more than 2 series"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/api/v1/labels", more).status, 422);
  EXPECT_EQ(Ask("GET", "/federate", same).status, 200);
  const HttpResponse federate = Ask("GET", "/federate", more);
  EXPECT_EQ(federate.status, 500);
  EXPECT_EQ(federate.body, "query selects more than 2 series; select fewer or ask in parts\n");
}

TEST_F(PrometheusTest, FormatsAndParses) {
  EXPECT_EQ(Data("format_query", {{"query", "sum(a)by(b)"}}), "\"sum by (b) (a)\"");
  EXPECT_EQ(Data("parse_query", {{"query", "1"}}), R"({"type":"numberLiteral","val":"1"})");
  EXPECT_EQ(Ask("GET", "/api/v1/format_query", {{"query", "sum("}}).status, 400);
}

TEST_F(PrometheusTest, ExemplarsOfAllSelectors) {
  exemplars.all = {{.series = Labels{{"__name__", "a_bucket"}, {"le", "1"}},
                    .exemplars = {{.time_ms = 1500, .value = 0.5, .labels = {{"trace_id", "ff"}}},
                                  {.time_ms = 9000, .value = 1, .labels = {}}}},
                   {.series = Labels{{"__name__", "b"}},
                    .exemplars = {{.time_ms = 2000, .value = 3, .labels = {}}}}};
  EXPECT_EQ(Data("query_exemplars", {{"query", "a_bucket + b + b"}, {"start", "1"}, {"end", "5"}}),
            R"([{"seriesLabels":{"__name__":"a_bucket","le":"1"},"exemplars":[{"labels":)"
            R"({"trace_id":"ff"},"value":"0.5","timestamp":1.500}]},)"
            R"({"seriesLabels":{"__name__":"b"},"exemplars":[{"labels":{},"value":"3",)"
            R"("timestamp":2}]}])");
  EXPECT_EQ(Ask("GET", "/api/v1/query_exemplars", {{"query", "1"}}).status, 204);
}

TEST_F(PrometheusTest, MetadataByName) {
  metadata.all = {{.name = "a_total", .type = MetricType::kCounter, .help = "h", .unit = ""},
                  {.name = "a_total", .type = MetricType::kCounter, .help = "other", .unit = ""},
                  {.name = "b", .type = MetricType::kGauge, .help = "g", .unit = "bytes"}};
  EXPECT_EQ(Data("metadata", {{"limit_per_metric", "1"}}),
            R"({"a_total":[{"type":"counter","help":"h","unit":""}],)"
            R"("b":[{"type":"gauge","help":"g","unit":"bytes"}]})");
  EXPECT_EQ(Data("metadata", {{"metric", "b"}}),
            R"({"b":[{"type":"gauge","help":"g","unit":"bytes"}]})");
  EXPECT_EQ(Data("metadata", {{"limit", "1"}}),
            R"({"a_total":[{"type":"counter","help":"h","unit":""},)"
            R"({"type":"counter","help":"other","unit":""}]})");
  EXPECT_EQ(Data("metadata", {{"limit", "0"}}), "{}");
}

TEST_F(PrometheusTest, StatusOfTheProgram) {
  server.version = "0.1";
  server.hostname = "agg";
  server.start_ms = kNowMs - 1000;
  server.flags = {{"query.timeout", "30s"}};
  server.config_yaml = [] { return "data_dir: /x\n"; };
  EXPECT_EQ(Data("status/config"), R"({"yaml":"data_dir: /x\n"})");
  EXPECT_EQ(Data("status/flags"), R"({"query.timeout":"30s"})");
  EXPECT_EQ(Data("status/walreplay"), R"({"min":0,"max":0,"current":0})");
  EXPECT_EQ(Ask("GET", "/version").body, Data("status/buildinfo"));
  const std::string runtime = Data("status/runtimeinfo");
  EXPECT_NE(runtime.find(R"("startTime":"2025-12-31T23:59:59Z")"), std::string::npos) << runtime;
  EXPECT_NE(runtime.find(R"("hostname":"agg")"), std::string::npos);
  EXPECT_NE(runtime.find(R"("reloadConfigSuccess":true)"), std::string::npos);
  EXPECT_EQ(Data("scrape_pools"), R"({"scrapePools":[]})");
  EXPECT_EQ(Data("targets"),
            R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}})");
  EXPECT_EQ(Data("alertmanagers"), R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})");
  EXPECT_NE(Data("features").find(R"("histogram_quantile":true)"), std::string::npos);
  EXPECT_NE(Data("features").find(R"("limitk":false)"), std::string::npos);
}

TEST_F(PrometheusTest, TargetsOfAllAgents) {
  const FakeTargets targets;
  sources.targets = &targets;
  const auto active = [](const std::string& host) {
    return R"({"discoveredLabels":{"__address__":"h:1"},"labels":{"instance":")" + host +
           R"(:1","job":"a"},"scrapePool":"a","scrapeUrl":"http://h:1/metrics",)"
           R"("globalUrl":"http://g:1/metrics","lastError":"refused",)"
           R"("lastScrape":"2026-01-01T00:00:00Z","lastScrapeDuration":0.25,)"
           R"("health":"down","scrapeInterval":"15s","scrapeTimeout":"10s"})";
  };
  const std::string both = R"({"activeTargets":[)" + active("h") + "," + active("i") + "],";
  const std::string dropped =
      R"("droppedTargets":[{"discoveredLabels":{"__address__":"x:1"},"scrapePool":"b"}],)";
  const std::string counts = R"("droppedTargetCounts":{"a":1,"b":3}})";
  const std::string none = R"({"activeTargets":[],)";
  const std::string none_dropped = R"("droppedTargets":[],)";
  EXPECT_EQ(Data("targets"), both + dropped + counts);
  EXPECT_EQ(Data("targets", {{"state", "any"}}), both + dropped + counts);
  EXPECT_EQ(Data("targets", {{"state", "Active"}}),
            both + none_dropped + R"("droppedTargetCounts":null})");
  EXPECT_EQ(Data("targets", {{"state", "dropped"}}), none + dropped + counts);
  EXPECT_EQ(Data("targets", {{"scrapePool", "b"}}), none + dropped + counts);
  EXPECT_EQ(Data("targets", {{"scrapePool", "a"}}), both + none_dropped + counts);
  EXPECT_EQ(Data("scrape_pools"), R"({"scrapePools":["a","b"]})");
  EXPECT_EQ(Data("scrape_pools/config", {{"scrapePool", "b"}}), R"({"yaml":""})");
  EXPECT_NE(Data("scrape_pools/config", {{"scrapePool", "a"}}).find("relabel_configs:"),
            std::string::npos);
}

TEST_F(PrometheusTest, MetadataOfTargets) {
  const FakeTargets targets;
  sources.targets = &targets;
  metadata.all = {{.name = "m", .type = MetricType::kGauge, .help = "h", .unit = "s"},
                  {.name = "n", .type = MetricType::kCounter, .help = "c", .unit = ""},
                  {.name = "q_bytes", .type = MetricType::kHistogram, .help = "q", .unit = ""}};
  const auto add = [this](const char* name, const char* instance) {
    series.Add(Labels{{"__name__", name}, {"instance", instance}, {"job", "a"}}, kNowMs - 1000, 1);
  };
  add("m", "h:1");
  add("n_total", "h:1");
  add("q_bytes_bucket", "i:1");
  add("m_total", "i:1");  // Not of the gauge m.
  const auto fact = [](const std::string& instance, const std::string& rest) {
    return R"({"target":{"instance":")" + instance + R"(","job":"a"},)" + rest + "}";
  };
  const std::string m = fact("h:1", R"("metric":"m","type":"gauge","help":"h","unit":"s")");
  const std::string n = fact("h:1", R"("metric":"n","type":"counter","help":"c","unit":"")");
  const std::string q =
      fact("i:1", R"("metric":"q_bytes","type":"histogram","help":"q","unit":"")");
  EXPECT_EQ(Data("targets/metadata"), "[" + m + "," + n + "," + q + "]");
  EXPECT_EQ(Data("targets/metadata", {{"limit", "1"}}), "[" + m + "," + n + "]");
  EXPECT_EQ(Data("targets/metadata", {{"limit", "0"}}), "[]");
  EXPECT_EQ(Data("targets/metadata", {{"match_target", "{instance=\"i:1\"}"}}), "[" + q + "]");
  EXPECT_EQ(Data("targets/metadata", {{"match_target", "{job=\"b\"}"}}), "[]");
  EXPECT_EQ(Data("targets/metadata", {{"metric", "n"}}),
            "[" + fact("h:1", R"("type":"counter","help":"c","unit":"")") + "]");
}

TEST_F(PrometheusTest, StepsOfRelabeling) {
  const FakeTargets targets;
  sources.targets = &targets;
  const auto steps = [this](const std::string& labels) {
    return Data("targets/relabel_steps", {{"scrapePool", "a"}, {"labels", labels}});
  };
  const std::string first =
      R"({"steps":[{"rule":{"source_labels":["__address__"],"separator":";","regex":"(.*):1",)"
      R"("target_label":"host","replacement":"$1","action":"replace"},"output":)";
  const std::string second =
      R"({"rule":{"source_labels":["host"],"separator":";","regex":"x","replacement":"$1",)"
      R"("action":"drop"},"output":)";
  const std::string third =
      R"x({"rule":{"separator":";","regex":"(.*)","target_label":"late","replacement":"set",)x"
      R"("action":"replace"},"output":)";
  EXPECT_EQ(steps(R"({"__address__":"h:1"})"),
            first + R"({"__address__":"h:1","host":"h"},"keep":true},)" + second +
                R"({"__address__":"h:1","host":"h"},"keep":true},)" + third +
                R"({"__address__":"h:1","host":"h","late":"set"},"keep":true}]})");
  EXPECT_EQ(steps(R"({"__address__":"x:1"})"),
            first + R"({"__address__":"x:1","host":"x"},"keep":true},)" + second +
                R"({},"keep":false},)" + third + R"({},"keep":false}]})");
}

TEST_F(PrometheusTest, RulesAndAlertsAsTheirSourceTellsThem) {
  const FakeRules rules;
  sources.rules = &rules;
  const std::string alert = R"({"labels":{"alertname":"Down"},"annotations":{},"state":"firing",)"
                            R"("activeAt":"2026-01-01T00:00:00Z","value":"1e+00"})";
  EXPECT_EQ(Data("alerts"), R"({"alerts":[)" + alert + "]}");
  EXPECT_EQ(Data("rules", {{"type", "alert"}, {"rule_name[]", "Down"}}),
            R"({"groups":[{"name":"g","file":"f.yaml","rules":[{"state":"firing","name":"Down",)"
            R"("query":"up == 0","duration":300,"keepFiringFor":0,"labels":{"severity":"page"},)"
            R"("annotations":{"summary":"s"},"alerts":[)" +
                alert +
                R"(],"health":"ok","evaluationTime":0.5,)"
                R"("lastEvaluation":"2026-01-01T00:00:00Z","type":"alerting"}],"interval":60,)"
                R"("limit":0,"evaluationTime":0.001,"lastEvaluation":"2026-01-01T00:00:00Z"}]})");
  EXPECT_EQ(
      Data("rules", {{"type", "record"}, {"rule_group[]", "g"}}),
      R"({"groups":[{"name":"g","file":"f.yaml","rules":[{"name":"r:x","query":"sum by (x) (y) > 1",)"
      R"("health":"unknown","lastError":"e","evaluationTime":0,)"
      R"("lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],"interval":60,)"
      R"("limit":0,"evaluationTime":0.001,"lastEvaluation":"2026-01-01T00:00:00Z"}]})");
  // Page by page.
  const std::string first = Data("rules", {{"group_limit", "1"}, {"exclude_alerts", "true"}});
  const std::size_t at = first.find("\"groupNextToken\":\"");
  ASSERT_NE(at, std::string::npos) << first;
  const std::string token = first.substr(at + 18, first.size() - at - 20);
  EXPECT_EQ(Data("rules", {{"group_limit", "1"}, {"group_next_token", token}}),
            R"({"groups":[{"name":"h","file":"f.yaml","rules":[],"interval":0,"limit":0,)"
            R"("evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}]})");
  EXPECT_EQ(Ask("GET", "/api/v1/rules", {{"group_limit", "1"}, {"group_next_token", "x"}}).status,
            400);
  EXPECT_EQ(Ask("GET", "/api/v1/rules", {{"group_next_token", token}}).status, 400);
}

TEST_F(PrometheusTest, StatusOfTheSeries) {
  const FakeTsdb tsdb;
  sources.tsdb = &tsdb;
  EXPECT_EQ(Data("status/tsdb", {{"limit", "7"}}),
            R"({"headStats":{"numSeries":2,"numLabelPairs":4,"chunkCount":3,"minTime":1,)"
            R"("maxTime":2},"seriesCountByMetricName":[{"name":"up","value":7}],)"
            R"("labelValueCountByLabelName":[{"name":"job","value":2}],)"
            R"("memoryInBytesByLabelName":[{"name":"job","value":9}],)"
            R"("seriesCountByLabelValuePair":[{"name":"job=a","value":1}]})");
}

TEST_F(PrometheusTest, AdminOnlyWhereAllowed) {
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/snapshot").body,
            R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})");
  options.admin_api = true;
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/snapshot", {{"skip_head", "true"}}).body,
            R"({"status":"success","data":{"name":"without-head"}})");
  EXPECT_EQ(Ask("PUT", "/api/v1/admin/tsdb/snapshot", {{"skip_head", "x"}}).status, 400);
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/delete_series",
                {{"match[]", "up"}, {"start", "1"}, {"end", "2"}})
                .status,
            204);
  EXPECT_EQ(admin.deleted, "1 1000 2000");
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/delete_series").status, 400);
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/delete_series", {{"match[]", "{}"}}).body,
            R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"match[]\": )"
            R"(match[] must contain at least one non-empty matcher"})");
  EXPECT_EQ(Ask("POST", "/api/v1/admin/tsdb/clean_tombstones").status, 500);
  EXPECT_EQ(Ask("GET", "/api/v1/admin/tsdb/clean_tombstones").status, 405);
}

TEST_F(PrometheusTest, MethodsAndOrigins) {
  EXPECT_EQ(Ask("OPTIONS", "/api/v1/query").status, 204);
  EXPECT_EQ(Ask("POST", "/api/v1/label/job/values").status, 405);
  EXPECT_EQ(Ask("DELETE", "/api/v1/query").status, 405);
  EXPECT_EQ(Ask("GET", "/api/v1/nothing").status, 404);
  EXPECT_EQ(FindHeader(Ask("GET", "/api/v1/rules").headers, "access-control-allow-origin"), "");
  const auto origin = [&](const char* from) {
    const HttpResponse response = Ask("GET", "/api/v1/rules", {}, {{"origin", from}});
    return std::string(FindHeader(response.headers, "access-control-allow-origin"));
  };
  EXPECT_EQ(origin("https://grafana.example"), "*");
  options.cors_origin = "https://.*\\.example";
  EXPECT_EQ(origin("https://grafana.example"), "https://grafana.example");
  EXPECT_EQ(origin("https://example.com"), "");
}

TEST_F(PrometheusTest, FederatesTheNewestSamples) {
  Fill();
  series.Add(Labels{{"__name__", "a"}, {"instance", "i\"\n"}}, kNowMs - 299'000, 1e6);
  series.Add(Labels{{"__name__", "b.c"}}, kNowMs, 1);
  series.Add(Labels{{"__name__", "gone"}}, kNowMs, std::bit_cast<double>(kStaleNanBits));
  const HttpResponse text =
      Ask("GET", "/federate", {{"match[]", "up"}, {"match[]", "{__name__=~\".+\"}"}});
  EXPECT_EQ(FindHeader(text.headers, "content-type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  EXPECT_EQ(text.body,
            "# TYPE a untyped\n"
            "a{instance=\"i\\\"\\n\"} 1e+06 1767225301000\n"
            "# TYPE b_c untyped\n"
            "b_c{instance=\"\"} 1 1767225600000\n"
            "# TYPE up untyped\n"
            "up{job=\"a\",instance=\"\"} 1 1767225590000\n"
            "up{job=\"b\",my_label=\"x\",instance=\"\"} 0.5 1767225598500\n");
  const HttpResponse open =
      Ask("GET", "/federate", {{"match[]", "{__name__=\"b.c\"}"}},
          {{"accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"}});
  EXPECT_EQ(open.body,
            "# TYPE \"b.c\" unknown\n"
            "{\"b.c\",instance=\"\"} 1 1767225600\n"
            "# EOF\n");
  // A _ for each character; how names are escaped goes by the offer that is taken.
  series.Add(Labels{{"__name__", "m"}, {"größe", "1"}, {"job", "c"}}, kNowMs, 1);
  EXPECT_EQ(Ask("GET", "/federate", {{"match[]", "{job=\"c\"}"}},
                {{"accept", "application/openmetrics-text;escaping=allow-utf-8;q=0.1,text/plain"}})
                .body,
            "# TYPE m untyped\nm{gr__e=\"1\",job=\"c\",instance=\"\"} 1 1767225600000\n");
  EXPECT_EQ(Ask("GET", "/federate", {{"match[]", "up["}}).status, 400);
  EXPECT_EQ(Ask("GET", "/federate").body, "");
}

struct Scraped final : expo::Visitor {
  void OnSample(const expo::SampleView& sample) override {
    out += std::string(sample.name) + " " + FormatDouble(sample.value) + "\n";
  }
  void OnHistogram(const expo::HistogramView& view, Histogram histogram) override {
    out += std::string(view.name) + " " + std::to_string(view.time_ms.value_or(0)) + " schema " +
           std::to_string(histogram.schema) + " count " + FormatDouble(histogram.count) +
           " buckets " + std::to_string(histogram.positive.size()) + " hint " +
           std::to_string(static_cast<int>(histogram.hint)) + "\n";
  }
  void OnFamily(const expo::FamilyView&) override {}
  std::string out;
};

// Native histograms go to scrapers that prefer protobuf.
TEST_F(PrometheusTest, FederatesHistograms) {
  const auto native = std::make_shared<const Histogram>(Histogram{.schema = 1,
                                                                  .hint = ResetHint::kGauge,
                                                                  .zero_threshold = 0.5,
                                                                  .zero_count = 1,
                                                                  .count = 6,
                                                                  .sum = 9,
                                                                  .positive_spans = {{-1, 2}},
                                                                  .positive = {2, 3}});
  const auto custom =
      std::make_shared<const Histogram>(Histogram{.schema = kCustomBucketsSchema,
                                                  .count = 5,
                                                  .sum = 4,
                                                  .positive_spans = {{0, 1}, {1, 1}},
                                                  .positive = {2, 3},
                                                  .custom_values = {1, 2}});
  series.Add(Labels{{"__name__", "a"}, {"instance", "i"}}, kNowMs - 1000, 7);
  series.Add(Labels{{"__name__", "n"}, {"instance", "i"}}, kNowMs - 1000, native);
  series.Add(Labels{{"__name__", "c"}, {"instance", "i"}}, kNowMs - 1000, custom);
  const std::string protobuf =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
      "encoding=delimited;q=0.9";
  const Params all = {{"match[]", "{instance=\"i\"}"}};
  const HttpResponse answer =
      Ask("GET", "/federate", all, {{"accept", "text/plain;version=0.0.4;q=0.5, " + protobuf}});
  EXPECT_EQ(FindHeader(answer.headers, "content-type"),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited; escaping=underscores");
  Scraped scraped;
  const Status parsed = expo::Parse(answer.body, {.format = expo::Format::kProtobuf}, scraped);
  EXPECT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(scraped.out,
            "a 7\n"
            "c_bucket 2\nc_bucket 2\nc_bucket 5\nc_sum 4\nc_count 5\n"
            "n 1767225599000 schema 1 count 6 buckets 2 hint 3\n");
  // Text is preferred, so it is text.
  EXPECT_EQ(Ask("GET", "/federate", all, {{"accept", protobuf + ",text/plain"}}).body,
            "# TYPE a untyped\na{instance=\"i\"} 7 1767225599000\n");
}

TEST_F(PrometheusTest, StoredDaysAreBlocks) {
  EXPECT_EQ(Data("status/tsdb/blocks"), R"({"blocks":[]})");
  server.days = [] {
    return std::vector<StoredDayFacts>{{.from_ms = 1'767'139'200'000,
                                        .to_ms = 1'767'225'600'000,
                                        .bytes = 9,
                                        .generation = 1,
                                        .series = 2,
                                        .samples = 3,
                                        .histograms = 4}};
  };
  EXPECT_EQ(Data("status/tsdb/blocks"),
            R"({"blocks":[{"ulid":"01KDRV8K000000000000000001","minTime":1767139200000,)"
            R"("maxTime":1767225600000,"stats":{"numSamples":7,"numFloatSamples":3,)"
            R"("numHistogramSamples":4,"numSeries":2,"numBytes":9},"compaction":{"level":2,)"
            R"("sources":["01KDRV8K000000000000000001"]},"version":1}]})");
}

TEST_F(PrometheusTest, NotificationsAndReplay) {
  EXPECT_EQ(Data("notifications"), "[]");
  server.reload_ok = [] { return false; };
  server.reload_ms = [] { return kNowMs; };
  EXPECT_EQ(Data("notifications"),
            R"([{"text":"Configuration reload has failed.","date":"2026-01-01T00:00:00Z",)"
            R"("active":true}])");
  EXPECT_EQ(Ask("GET", "/api/v1/notifications/live").status, 204);
  server.wal_replay = [] { return WalReplay{.entries = 7, .done = 3}; };
  EXPECT_EQ(Data("status/walreplay"), R"({"min":0,"max":7,"current":3})");
}

TEST_F(PrometheusTest, OwnMetrics) {
  server.own_metrics = [] {
    return std::string(
        "# HELP a_total An A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\n"
        "# HELP b_seconds A B.\n# TYPE b_seconds histogram\n"
        "b_seconds_bucket{le=\"0.5\"} 1\nb_seconds_bucket{le=\"+Inf\"} 3\n"
        "b_seconds_sum 4.5\nb_seconds_count 3\n"
        "# TYPE c gauge\nc +Inf\n");
  };
  const std::string a = R"({"name":"a_total","help":"An A.","type":"COUNTER","metric":[)"
                        R"({"label":[{"name":"x","value":"1"}],"counter":{"value":2}},)"
                        R"({"label":[{"name":"x","value":"2"}],"counter":{"value":3}}]})";
  const std::string b =
      R"({"name":"b_seconds","help":"A B.","type":"HISTOGRAM","metric":[{"label":[],)"
      R"("histogram":{"sampleCount":"3","sampleSum":4.5,)"
      R"("bucket":[{"cumulativeCount":"1","upperBound":0.5}]}}]})";
  const std::string c =
      R"({"name":"c","help":"","type":"GAUGE","metric":[{"label":[],"gauge":{"value":"Infinity"}}]})";
  EXPECT_EQ(Data("status/self_metrics"), "[" + a + "," + b + "," + c + "]");
  EXPECT_EQ(Data("status/self_metrics", {{"metric_name_pattern", "a_.*"}}), "[" + a + "]");
  EXPECT_EQ(Data("status/self_metrics", {{"metric_name_pattern", "a"}}), "[]");  // Anchored.
  EXPECT_EQ(Ask("GET", "/api/v1/status/self_metrics", {{"metric_name_pattern", "("}}).status, 400);
}

// What is described is what is served, with its methods.
TEST_F(PrometheusTest, OpenApiDescribesTheRouter) {
  const HttpResponse answer = Ask("GET", "/api/v1/openapi.yaml");
  ConfigProblems problems;
  const ConfigNode node = ParseYaml("openapi.yaml", answer.body, YamlLimits{}, problems);
  ASSERT_TRUE(problems.empty()) << problems.list().front().ToString() << answer.body;
  const ConfigNode* paths = node.Find("paths");
  ASSERT_NE(paths, nullptr);
  const std::set<std::string> elsewhere = {"/write", "/read", "/otlp/v1/metrics"};
  EXPECT_EQ(paths->keys.size(), PromRoutes().size() + 1 + elsewhere.size());
  for (std::size_t i = 0; i < paths->keys.size(); ++i) {
    if (elsewhere.contains(paths->keys[i])) {
      EXPECT_NE(paths->items[i].Find("post"), nullptr) << paths->keys[i];
      continue;
    }
    std::string path = "/api/v1" + paths->keys[i];
    if (const std::size_t at = path.find("{name}"); at != std::string::npos) {
      path.replace(at, 6, "job");
    }
    for (const char* method : {"get", "post", "put"}) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      const int status = Ask(upper, path).status;
      const bool described = paths->items[i].Find(method) != nullptr;
      EXPECT_EQ(status != 405, described) << upper << " " << path << ": " << status;
      EXPECT_NE(status, 404) << path;
    }
  }
}

}  // namespace
}  // namespace opssight
