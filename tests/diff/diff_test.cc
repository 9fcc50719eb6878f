// The same data in Debian's prometheus and in ours, the same queries to both, every value
// compared (1e-9 of its size), labels, order and errors as well. Skipped where prometheus is
// not installed. Repeat a run: OPS_SEED=<n> OPS_START_MS=<n>, as printed. More queries:
// OPS_QUERIES=<n>.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include "aggregator/promql/engine/engine.h"
#include "common/text/number.h"
#include "tests/diff/answer.h"
#include "tests/diff/data.h"
#include "tests/diff/generator.h"
#include "tests/support/http.h"
#include "tests/support/memory_series.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace opssight::diff {
namespace {

constexpr const char* kPrometheus = "/usr/bin/prometheus";
constexpr std::chrono::seconds kSoon{30};
constexpr std::int64_t kQueries = 1000;

// Where 2.42 and the language of 3.x, which is ours, differ: a query that matches, and a
// difference that does, is known. Kept out of the queries instead: what 2.42 does not know
// (UTF-8 names, functions since then); ranges and lookbacks that begin where a sample is, which
// 3.x leaves out; the name that 2.42 keeps under atan2; dates beyond the calendar.
struct Known {
  const char* query;
  const char* difference;
  const char* why;
};
const std::vector<Known> kKnown = {
    {"bad name-", "^theirs fails: '(bad_data|execution) invalid destination label name",
     "3.x takes any UTF-8 as a label's name"},
    {"predict_linear\\(.*@", ".",
     "2.42 moves a range pinned by @ along with the steps under predict_linear"},
    {"(stddev|stdvar)( by| without|\\()", "ours NaN|series, ours [0-9]+$",
     "2.42 has a deviation of 0 for a single NaN or infinity"},
    {"(rate|increase)\\(\\(", "point [0-9]+: theirs",
     "3.x bounds the way to a counter's zero by half an interval where samples are missing"},
    {"(changes|resets)\\(\\(", "point [0-9]+: theirs",
     "counts differences in the last bit of what a subquery computed"},
    {"(stddev|stdvar).*timestamp", "point [0-9]+: theirs",
     "what is left of the digits of times, squared, follows the order of the series"},
    {"avg|deriv|predict_linear|stddev|stdvar", "theirs -?[0-9.]+e-1[5-9] at",
     "2.42 sums and averages in another way: another last bit where values cancel out"},
    {"(%|round|floor|ceil|sin|cos|tan).*(avg|\\^)|(avg|\\^).*%", "point [0-9]+: theirs",
     "a last bit of averages or powers decides what rounding, remainders and angles give"},
    {"[=<>]", "^theirs fails: ' ', ours: 'execution multiple matches",
     "3.x tells of many-to-one matches also where the comparison leaves none"},
    {"", "^theirs fails: 'execution (found dup|multiple).*ours: 'execution (found dup|multiple)",
     "of several faults of one join ours tells another first"},
};

std::int64_t Setting(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : ParseInt<std::int64_t>(text).value_or(otherwise);
}

const Known* FindKnown(const Query& query, const std::string& difference) {
  for (const Known& known : kKnown) {
    if (re2::RE2::PartialMatch(query.text, known.query) &&
        re2::RE2::PartialMatch(difference, known.difference)) {
      return &known;
    }
  }
  return nullptr;
}

std::string Seconds(std::int64_t ms) {
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

Answer AskServer(const std::string& url, const Query& query) {
  std::string body = "query=" + UrlEscape(query.text);
  if (query.step_ms == 0) {
    body += "&time=" + Seconds(query.start_ms);
  } else {
    body += fmt::format("&start={}&end={}&step={}", Seconds(query.start_ms), Seconds(query.end_ms),
                        Seconds(query.step_ms));
  }
  const char* path = query.step_ms == 0 ? "/api/v1/query" : "/api/v1/query_range";
  const HttpAnswer http =
      HttpPost(url + path, body, {"Content-Type: application/x-www-form-urlencoded"});
  auto answer = ParseAnswer(http.body);
  if (answer) return *std::move(answer);
  return {.error_type = kNoAnswer, .error = answer.error().message};
}

class DiffTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kPrometheus)) GTEST_SKIP() << "prometheus is not installed";
    fmt::print("OPS_SEED={} OPS_START_MS={}\n", seed_, start_ms_);
    std::ofstream(dir_ / "prometheus.yml") << "global: {}\n";
    auto started = Process::Start(
        {kPrometheus, "--config.file=" + (dir_ / "prometheus.yml"),
         "--storage.tsdb.path=" + (dir_ / "data"), "--web.enable-remote-write-receiver",
         "--log.level=warn", fmt::format("--web.listen-address=127.0.0.1:{}", port_)},
        {.output = dir_ / "log"});
    ASSERT_TRUE(started.has_value()) << started.error().message;
    process_ = *std::move(started);
    ASSERT_TRUE(WaitFor(kSoon, [&] { return HttpGet(url() + "/-/ready").status == 200; }));
    Random random(static_cast<std::uint64_t>(seed_));
    data_ = MakeData(random, start_ms_);
    Write(url());
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

  void Write(const std::string& to) const {
    const HttpAnswer written =
        HttpPost(to + "/api/v1/write", RemoteWriteBody(data_),
                 {"Content-Type: application/x-protobuf", "Content-Encoding: snappy",
                  "X-Prometheus-Remote-Write-Version: 0.1.0"});
    ASSERT_EQ(written.status, 204) << written.body;
  }

  // Asks both; prints what differs.
  template <class Ours>
  void CompareAll(Ours ours) {
    Random random(static_cast<std::uint64_t>(seed_) + 1);
    Generator generator(random, start_ms_);
    std::map<std::string, int> known;
    int errors = 0;
    int empty = 0;
    const std::int64_t queries = Setting("OPS_QUERIES", kQueries);
    for (std::int64_t i = 0; i < queries; ++i) {
      const Query query = generator.Next();
      const Answer theirs = AskServer(url(), query);
      errors += theirs.error_type.empty() ? 0 : 1;
      empty += theirs.error_type.empty() && theirs.series.empty() ? 1 : 0;
      const Answer mine = ours(query);
      const std::string why = Difference(theirs, mine, query.ordered);
      if (why.empty()) continue;
      if (query.picks && SameValues(theirs, mine)) {
        ++known["which of equal values topk and bottomk keep is chance"];
        continue;
      }
      if (const Known* is = FindKnown(query, why)) {
        ++known[is->why];
        continue;
      }
      ADD_FAILURE() << query.text << "\n  start " << query.start_ms << " end " << query.end_ms
                    << " step " << query.step_ms << "\n  " << why;
    }
    fmt::print("{} queries; with theirs {} fail, {} are empty\n", queries, errors, empty);
    int excused = 0;
    for (const auto& [why, count] : known) {
      fmt::print("{} differ as known: {}\n", count, why);
      excused += count;
    }
    EXPECT_LE(excused, queries / 20) << "too much is excused";
  }

  const std::int64_t seed_ = Setting("OPS_SEED", 20'261'126);
  const std::int64_t start_ms_ = Setting("OPS_START_MS", 1'764'000'000'000);
  TempDir dir_;
  const int port_ = FreePort();
  Process process_;
  std::vector<SeriesData> data_;
};

TEST_F(DiffTest, EngineOverMemory) {
  MemorySeries source;
  for (const SeriesData& series : data_) {
    for (const Sample& sample : series.samples) {
      source.Add(series.labels, sample.time_ms, sample.value);
    }
  }
  const promql::Engine engine({});
  CompareAll([&](const Query& query) {
    return FromOutcome(engine.Run(source, {.text = query.text,
                                           .start_ms = query.start_ms,
                                           .end_ms = query.end_ms,
                                           .step_ms = query.step_ms}));
  });
}

// The whole way: remote write, store, HTTP.
TEST_F(DiffTest, AggregatorOverHttp) {
  Programs programs({.folder = dir_ / "work",
                     .agent_dir = dir_ / "agent",
                     .aggregator_dir = dir_ / "aggregator",
                     .agent_yaml = "",
                     .aggregator_yaml = "retention: {metrics: {time: 36500d}}\n"});
  const auto why = [](const Status& status) { return status ? "" : status.error().message; };
  ASSERT_EQ(why(programs.WriteConfigs()), "");
  ASSERT_EQ(why(programs.aggregator().Start()), "");
  ASSERT_EQ(why(programs.WaitForAggregator(kSoon)), "");
  Write(programs.url());
  const Query all = {
      .text = "sum(count_over_time(latency_seconds_bucket[3h])) + sum(count_over_time(odd[3h]))",
      .start_ms = start_ms_ + kSpanMs + 60'000};
  const Answer theirs = AskServer(url(), all);
  ASSERT_TRUE(WaitFor(
      kSoon, [&] { return Difference(theirs, AskServer(programs.url(), all), false).empty(); }))
      << Difference(theirs, AskServer(programs.url(), all), false)
      << programs.aggregator().LogTail();
  CompareAll([&](const Query& query) { return AskServer(programs.url(), query); });
}

}  // namespace
}  // namespace opssight::diff
