// Metrics by remote write and PromQL: our aggregator beside Debian's `prometheus` and
// `victoria-metrics`, the same requests and the same queries in one run, one server at a
// time. Prints a table of its own, with the ratio to the better peer, also where it loses.
// Started by tests/bench/run; README.md says how figures are taken.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <curl/curl.h>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "tests/bench/system/peer.h"
#include "tests/bench/system/scenarios.h"
#include "tests/bench/system/servers.h"
#include "tests/bench/system/write_load.h"
#include "tests/support/temp_dir.h"

namespace opssight::bench {
namespace {

constexpr std::int64_t kMinuteMs = 60 * kMsPerSecond;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;

struct Question {
  std::string what;
  std::string path;
  std::string expr;          // query=, or match[]= of label values.
  std::int64_t back_ms = 0;  // Of a range; 0: instant.
  std::int64_t step_ms = 0;
  std::optional<double> goal_ms;  // Of CPU, ours.
};

struct Scenario {
  std::string name;
  WriteLoadOptions load;
  std::vector<Question> questions;
  std::optional<double> goal_cpu;
  std::optional<double> goal_peak_mb;
  std::optional<double> goal_bytes;
  std::optional<double> goal_ready_s;  // Nothing: is not killed.
};

// A row of the table: a value for each server, in their order.
struct Row {
  std::string what;
  std::string unit;
  std::vector<std::optional<double>> values;
  std::optional<double> goal;
};

// One connection, as a sender has.
class Writer {
 public:
  explicit Writer(const Peer& peer) : name_(peer.name()), curl_(curl_easy_init()) {
    for (const char* header :
         {"Content-Encoding: snappy", "Content-Type: application/x-protobuf",
          "X-Prometheus-Remote-Write-Version: 0.1.0", "User-Agent: bench", "Expect:"}) {
      headers_ = curl_slist_append(headers_, header);
    }
    const std::string url = peer.write_url();
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_POST, 1L);
    curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer_);
  }
  ~Writer() {
    curl_easy_cleanup(curl_);
    curl_slist_free_all(headers_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Send(const std::string& body) {
    answer_.clear();
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.data());
    const CURLcode code = curl_easy_perform(curl_);
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status / 100 != 2) {
      Fail(fmt::format("{}: remote write: {} {} {}", name_, status, curl_easy_strerror(code),
                       answer_.substr(0, 400)));
    }
  }

 private:
  static std::size_t Append(char* data, std::size_t size, std::size_t count, void* out) {
    static_cast<std::string*>(out)->append(data, size * count);
    return size * count;
  }
  const std::string name_;
  CURL* curl_;
  curl_slist* headers_ = nullptr;
  std::string answer_;
};

std::string Seconds(std::int64_t ms) {
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

Peer::Query ParametersOf(const Question& question, std::int64_t end_ms) {
  if (question.path.find("/label/") != std::string::npos) {
    return {{"start", Seconds(end_ms - question.back_ms)}, {"end", Seconds(end_ms)}};
  }
  if (question.back_ms == 0) return {{"query", question.expr}, {"time", Seconds(end_ms)}};
  return {{"query", question.expr},
          {"start", Seconds(end_ms - question.back_ms)},
          {"end", Seconds(end_ms)},
          {"step", Seconds(question.step_ms)}};
}

struct Asked {
  double cpu_ms = 0;  // Average.
  double p50_ms = 0;  // Wall.
};

Asked AskTimes(const Peer& peer, const Question& question, std::int64_t end_ms, int times) {
  const Peer::Query query = ParametersOf(question, end_ms);
  std::vector<double> walls;
  const double before = CpuSeconds(peer.pid());
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::string body = peer.Ask(question.path, query);
    walls.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    // Every question has an answer in this data.
    if (body.size() < 100 || body.find("\"success\"") == std::string::npos) {
      Fail(fmt::format("{}: {}: {}", peer.name(), question.expr, body.substr(0, 400)));
    }
  }
  std::sort(walls.begin(), walls.end());
  return {.cpu_ms = (CpuSeconds(peer.pid()) - before) * 1e3 / times,
          .p50_ms = walls[walls.size() / 2]};
}

class Table {
 public:
  void Add(const std::string& what, const std::string& unit, std::optional<double> value,
           std::optional<double> goal = {}) {
    for (Row& row : rows_) {
      if (row.what == what && row.unit == unit) return row.values.push_back(value);
    }
    rows_.push_back({.what = what, .unit = unit, .values = {value}, .goal = goal});
  }

  // Ours is the first column.
  void Print(const std::string& title, const std::vector<std::string>& names) const {
    std::printf("\n%s\n\n| what |", title.c_str());
    for (const std::string& name : names) std::printf(" %s |", name.c_str());
    std::printf(" ours / best peer | goal | |\n|---|");
    for (std::size_t i = 0; i < names.size(); ++i) std::printf("---|");
    std::printf("---|---|---|\n");
    for (const Row& row : rows_) PrintRow(row);
    std::fflush(stdout);
  }

 private:
  static std::string Number(double value) {
    return value >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
  }
  static void PrintRow(const Row& row) {
    std::printf("| %s, %s |", row.what.c_str(), row.unit.c_str());
    std::optional<double> best;
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const auto& value = row.values[i];
      std::printf(" %s |", value ? Number(*value).c_str() : "–");
      if (i > 0 && value && (!best || *value < *best)) best = value;
    }
    const auto& ours = row.values.front();
    std::printf(" %s |",
                ours && best && *best > 0 ? fmt::format("{:.2f}", *ours / *best).c_str() : "–");
    std::printf(" %s | %s |\n", row.goal ? ("<= " + Number(*row.goal)).c_str() : "–",
                !row.goal || !ours   ? ""
                : *ours <= *row.goal ? "yes"
                                     : "NO");
  }
  std::vector<Row> rows_;
};

// The seconds until it answers again. What it says then must be what it said before; that
// is for ours alone: the peers do not sync to the disk at once.
double Crash(Peer& peer, std::int64_t end_ms) {
  const auto ask = [&] {
    return peer.Ask("/api/v1/query",
                    {{"query", "sum by (__name__) ({__name__=~\"node_cpu.*|node_load.*\"})"},
                     {"time", Seconds(end_ms)}});
  };
  const std::string before = ask();
  const double seconds = peer.KillAndStart();
  if (peer.name() == "OpsSight" && ask() != before) Fail("another answer after kill -9: " + ask());
  return seconds;
}

// New series day after day: what memory the server holds at the end of each day.
void RunChurn(Peer& peer, std::size_t hosts, std::int64_t now_ms) {
  constexpr std::int64_t kDayMs = 24 * kHourMs;
  peer.Start();
  std::printf(
      "\n%zu new series a day, 4 samples each, 7 days, %s\n\n| day | anonymous MB | resident MB "
      "|\n|---|---|---|\n",
      hosts * 500, peer.name().c_str());
  Writer writer(peer);
  for (std::size_t day = 0; day < 7; ++day) {
    WriteLoad load({.hosts = hosts,
                    .rounds = 4,
                    .interval_ms = 5 * kHourMs,
                    .start_ms = (now_ms / kDayMs - 7 + static_cast<std::int64_t>(day)) * kDayMs,
                    .first_host = day * hosts});
    load.Run([&](const std::string& body, std::size_t) { writer.Send(body); });
    std::printf("| %zu | %.0f | %.0f |\n", day + 1,
                static_cast<double>(MemoryBytes(peer.pid(), "RssAnon")) / 1e6,
                static_cast<double>(MemoryBytes(peer.pid(), "VmRSS")) / 1e6);
    std::fflush(stdout);
  }
  peer.Stop();
}

void RunOne(const Scenario& scenario, Peer& peer, int times, Table& table) {
  Step(fmt::format("{}: {}: {} hosts x {} series x {} rounds", scenario.name, peer.name(),
                   scenario.load.hosts, scenario.load.series, scenario.load.rounds));
  peer.Start();
  WriteLoad load(scenario.load);
  const double million = static_cast<double>(load.samples()) / 1e6;
  {
    const double before = CpuSeconds(peer.pid());
    const MemoryWatch watch(peer.pid());
    Writer writer(peer);
    load.Run([&](const std::string& body, std::size_t) { writer.Send(body); });
    table.Add("remote write", "CPU-s per M samples", (CpuSeconds(peer.pid()) - before) / million,
              scenario.goal_cpu);
    table.Add("peak memory, resident", "MB",
              static_cast<double>(MemoryBytes(peer.pid(), "VmHWM")) / 1e6, scenario.goal_peak_mb);
    table.Add("peak memory, anonymous", "MB", static_cast<double>(watch.peak()) / 1e6);
  }
  if (scenario.goal_ready_s)
    table.Add("ready after kill -9", "s", Crash(peer, load.end_ms()), scenario.goal_ready_s);
  table.Add("settled, with index", "B per sample",
            static_cast<double>(peer.SettledBytes()) / static_cast<double>(load.samples()),
            scenario.goal_bytes);
  for (const Question& question : scenario.questions) {
    const Asked asked = AskTimes(peer, question, load.end_ms(), times);
    table.Add(question.what, "CPU-ms", asked.cpu_ms, question.goal_ms);
    table.Add(question.what, "p50 ms", asked.p50_ms);
  }
  peer.Stop();
}

std::vector<Question> TwoHourQuestions() {
  const std::string query = "/api/v1/query";
  const std::string range = "/api/v1/query_range";
  const std::string rate = "sum by (instance) (rate(node_cpu_seconds_total[5m]))";
  return {
      {"instant: sum of rate by instance", query, rate, 0, 0, 25},
      {"2 h at 15 s: the same", range, rate, 2 * kHourMs, 15'000, 200},
      {"2 h at 60 s: histogram_quantile", range,
       "histogram_quantile(0.99, sum by (le) "
       "(rate(http_request_duration_seconds_bucket[5m])))",
       2 * kHourMs, kMinuteMs, 130},
      {"instant: count over all series", query, "count({__name__!=\"\"})", 0, 0, 100},
      {"instant: topk of rate",
       query,
       "topk(10, rate(node_network_receive_bytes_total[5m]))",
       0,
       0,
       {}},
      {"instant: regex matcher",
       query,
       "count({__name__=~\"node_disk_.*total\",instance=~\"10.1.0.1.:9100\"})",
       0,
       0,
       {}},
      {"2 h at 15 s: a single series",
       range,
       "node_load1{instance=\"10.1.0.1:9100\"}",
       2 * kHourMs,
       15'000,
       {}},
      {"label values", "/api/v1/label/instance/values", "", 2 * kHourMs, 0, {}},
      {"instant: a join",
       query,
       "sum(node_filesystem_avail_bytes / on (instance, mountpoint) node_filesystem_size_bytes)",
       0,
       0,
       {}},
      {"2 h at 60 s: max of a gauge by host",
       range,
       "max by (instance) (max_over_time(node_load1[10m]))",
       2 * kHourMs,
       kMinuteMs,
       {}},
  };
}

std::vector<Scenario> Scenarios(bool quick) {
  const std::int64_t now_ms = Clock::System().WallNs() / 1'000'000;
  const std::int64_t two_hours_ago = now_ms - 2 * kHourMs - 5 * kMinuteMs;
  const std::size_t divisor = quick ? 10 : 1;
  Scenario first{.name = "100k series, 2 h",
                 .load = {.hosts = 200 / divisor,
                          .rounds = 480,
                          .interval_ms = 15'000,
                          .start_ms = two_hours_ago},
                 .questions = TwoHourQuestions(),
                 .goal_cpu = 0.6,
                 .goal_peak_mb = 120,
                 .goal_bytes = 1.1};
  Scenario second{.name = "1M series, 5 min",
                  .load = {.hosts = 2'000 / divisor,
                           .rounds = 20,
                           .interval_ms = 15'000,
                           .start_ms = now_ms - 10 * kMinuteMs},
                  .questions = {},
                  .goal_ready_s = 20};
  for (const Question& question : TwoHourQuestions()) {
    if (question.back_ms == 0 || question.step_ms == 0) second.questions.push_back(question);
  }
  Scenario week{.name = "7 days",
                .load = {.hosts = 20 / divisor,
                         .series = 250,
                         .rounds = 7 * 24 * 60 / 2,
                         .interval_ms = 2 * kMinuteMs,
                         .start_ms = now_ms - 7 * 24 * kHourMs - 5 * kMinuteMs},
                .questions = {{"7 d at 10 min: sum of rate by instance",
                               "/api/v1/query_range",
                               "sum by (instance) (rate(node_cpu_seconds_total[1h]))",
                               7 * 24 * kHourMs,
                               10 * kMinuteMs,
                               {}},
                              {"7 d at 1 h: average of a gauge",
                               "/api/v1/query_range",
                               "avg(avg_over_time(node_load1[1h]))",
                               7 * 24 * kHourMs,
                               kHourMs,
                               {}}}};
  return {first, second, week};
}

int Main(int argc, char** argv) {
  CLI::App app("Remote write and PromQL beside Prometheus and VictoriaMetrics");
  std::string aggregator;
  std::string prometheus;
  std::string victoria;
  std::vector<std::string> only;
  int times = 20;
  bool quick = false;
  app.add_option("--aggregator", aggregator, "The opssight-aggregator binary")->required();
  app.add_option("--prometheus", prometheus, "The prometheus binary; none: left out");
  app.add_option("--victoria-metrics", victoria, "The victoria-metrics binary; none: left out");
  app.add_option("--only", only, "Scenarios: 100k, 1M, 7 (days), churn");
  app.add_option("--times", times, "How often each query is asked")->capture_default_str();
  app.add_flag("--quick", quick, "A tenth of the hosts");
  CLI11_PARSE(app, argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const TempDir dir;
  for (const Scenario& scenario : Scenarios(quick)) {
    const std::string first = scenario.name.substr(0, scenario.name.find(' '));
    if (!only.empty() && std::find(only.begin(), only.end(), first) == only.end()) continue;
    std::vector<std::unique_ptr<Peer>> peers;
    peers.push_back(MakeOpsSight(aggregator, dir / ("ours-" + first)));
    if (!prometheus.empty()) peers.push_back(MakePrometheus(prometheus, dir / ("p-" + first)));
    if (!victoria.empty()) peers.push_back(MakeVictoriaMetrics(victoria, dir / ("v-" + first)));
    Table table;
    std::vector<std::string> names;
    for (const auto& peer : peers) {
      names.push_back(peer->name());
      RunOne(scenario, *peer, times, table);
    }
    table.Print(
        scenario.name + (quick ? " (a tenth of the hosts: not the figures to judge by)" : ""),
        names);
  }
  if (only.empty() || std::find(only.begin(), only.end(), "churn") != only.end()) {
    const auto ours = MakeOpsSight(aggregator, dir / "ours-churn");
    RunChurn(*ours, quick ? 200 : 2'000, Clock::System().WallNs() / 1'000'000);
  }
  return 0;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  return opssight::bench::Main(argc, argv);
}
