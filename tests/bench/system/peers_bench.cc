// Metrics by remote write and PromQL: our aggregator beside Debian's `prometheus` and
// `victoria-metrics`, the same requests and the same queries in one run, one server at a
// time. Prints tables of its own, with the ratio to the better peer, also where it loses,
// and how far the answers agree; ends with 1 where they do not.
// Started by tests/bench/run; README.md says how figures are taken.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <curl/curl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "common/base/clock.h"
#include "tests/bench/system/peer.h"
#include "tests/bench/system/peer_questions.h"
#include "tests/bench/system/peer_table.h"
#include "tests/bench/system/peer_writer.h"
#include "tests/bench/system/scenarios.h"
#include "tests/bench/system/servers.h"
#include "tests/bench/system/write_load.h"
#include "tests/support/temp_dir.h"

namespace opssight::bench {
namespace {

constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr const char* kOurs = "OpsSight";

struct Scenario {
  std::string key;  // For --only.
  std::string name;
  WriteLoadOptions load;
  std::vector<Question> questions;
  int times = 1;  // Each is asked.
  bool kill = false;
  std::optional<double> goal_cpu;
  std::optional<double> goal_peak_mb;
  std::optional<double> goal_bytes;
  std::optional<double> goal_series_bytes;
};

double Megabytes(pid_t pid, const std::string& field) {
  return static_cast<double>(MemoryBytes(pid, field)) / 1e6;
}

// Runs one scenario on one server after the other and keeps what they say.
class Comparison {
 public:
  explicit Comparison(const Scenario& scenario) : scenario_(scenario) {}

  void Run(Peer& peer) {
    Step(fmt::format("{}: {}: {} hosts x {} series x {} rounds", scenario_.name, peer.name(),
                     scenario_.load.hosts, scenario_.load.series, scenario_.load.rounds));
    names_.push_back(peer.name());
    peer.Start();
    WriteLoad load(scenario_.load);
    Write(peer, load);
    if (scenario_.kill) Crash(peer, load.end_ms());
    table_.Add("settled, with index", "B per sample",
               static_cast<double>(peer.SettledBytes()) / static_cast<double>(load.samples()),
               scenario_.goal_bytes);
    AskAll(peer, load.end_ms());
    peer.Stop();
  }

  // Whether all agree.
  bool Print(const std::string& note) const {
    table_.Print(scenario_.name + note, names_);
    std::printf("\nAnswers beside ours: %s\n", disagreements_.empty() ? "they agree." : "");
    for (const std::string& line : agreements_) std::printf("  %s\n", line.c_str());
    for (const std::string& line : disagreements_) std::printf("  DIFFERENT: %s\n", line.c_str());
    std::fflush(stdout);
    return disagreements_.empty();
  }

 private:
  void Write(Peer& peer, WriteLoad& load) {
    const double million = static_cast<double>(load.samples()) / 1e6;
    const std::uint64_t anonymous = MemoryBytes(peer.pid(), "RssAnon");
    const double before = CpuSeconds(peer.pid());
    const MemoryWatch watch(peer.pid());
    PeerWriter writer(peer);
    load.Run([&](const std::string& body, std::size_t) { writer.Send(body); });
    table_.Add("remote write", "CPU-s per M samples", (CpuSeconds(peer.pid()) - before) / million,
               scenario_.goal_cpu);
    if (writer.repeated() != 0) {
      Step(fmt::format("{} requests were answered with \"later\"", writer.repeated()));
    }
    table_.Add("peak memory, resident", "MB", Megabytes(peer.pid(), "VmHWM"),
               scenario_.goal_peak_mb);
    table_.Add("peak memory, anonymous", "MB", static_cast<double>(watch.peak()) / 1e6);
    const auto series = static_cast<double>(scenario_.load.hosts * scenario_.load.series);
    table_.Add("peak anonymous memory", "B per active series",
               static_cast<double>(watch.peak() - std::min(watch.peak(), anonymous)) / series,
               scenario_.goal_series_bytes);
  }

  // What it says after kill -9 must be what it said before; that is for ours alone: the
  // peers do not sync to the disk at once.
  void Crash(Peer& peer, std::int64_t end_ms) {
    std::vector<std::string> before;
    for (const Question& question : scenario_.questions) {
      before.push_back(Ask(peer, question, end_ms, 1).body);
    }
    table_.Add("ready after kill -9", "s", peer.KillAndStart(), 20);
    table_.Add("memory then, anonymous", "MB", Megabytes(peer.pid(), "RssAnon"));
    if (peer.name() != kOurs) return;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const Question& question = scenario_.questions[i];
      const Agreement same =
          Compare(question, Ask(peer, question, end_ms, 1).body, before[i], true);
      if (same.difference.empty()) continue;
      disagreements_.push_back("after kill -9: " + question.what + ": " + same.difference);
    }
  }

  void AskAll(Peer& peer, std::int64_t end_ms) {
    double worst_exact = 0;
    for (std::size_t i = 0; i < scenario_.questions.size(); ++i) {
      const Question& question = scenario_.questions[i];
      Asked asked = Ask(peer, question, end_ms, scenario_.times);
      table_.Add(question.what, "CPU-ms", asked.cpu_ms, question.goal_ms);
      table_.Add(question.what, "p50 ms", asked.p50_ms);
      if (peer.name() == kOurs) {
        ours_.push_back(std::move(asked.body));
        continue;
      }
      const bool exact = peer.name() == "Prometheus" || !question.rate;
      const Agreement same = Compare(question, ours_[i], asked.body, exact);
      if (!same.difference.empty()) {
        disagreements_.push_back(
            fmt::format("{}: {}: {}", peer.name(), question.what, same.difference));
      } else if (!exact) {
        agreements_.push_back(
            fmt::format("{}: {}: the same series, {} values, the furthest {:.2g} of its size away "
                        "(another definition of rate)",
                        peer.name(), question.what, same.values, same.worst));
      } else {
        worst_exact = std::max(worst_exact, same.worst);
      }
    }
    if (peer.name() == kOurs) return;
    agreements_.push_back(fmt::format("{}: the rest the same, values within {:.2g} of their size",
                                      peer.name(), worst_exact));
  }

  const Scenario& scenario_;
  std::vector<std::string> names_;
  PeerTable table_;
  std::vector<std::string> ours_;  // What we said.
  std::vector<std::string> agreements_;
  std::vector<std::string> disagreements_;
};

// New series day after day: what memory the server holds in each, and after it.
void RunChurn(Peer& peer, std::size_t hosts, std::int64_t now_ms) {
  constexpr std::size_t kDays = 7;
  constexpr std::size_t kSeries = 500;
  peer.Start();
  std::printf(
      "\n%zu new series a day, 4 samples each, %zu days, %s, flushed each second\n\n"
      "| day | peak, anonymous MB | at its end, anonymous MB | resident MB | CPU-s | "
      "/api/v1/status/tsdb, ms |\n|---|---|---|---|---|---|\n",
      hosts * kSeries, kDays, peer.name().c_str());
  PeerWriter writer(peer);
  for (std::size_t day = 0; day < kDays; ++day) {
    const double before = CpuSeconds(peer.pid());
    const MemoryWatch watch(peer.pid());
    WriteLoad load({.hosts = hosts,
                    .series = kSeries,
                    .rounds = 4,
                    .interval_ms = 5 * kHourMs,
                    .start_ms = (now_ms / kDayMs - static_cast<std::int64_t>(kDays - day)) * kDayMs,
                    .first_host = day * hosts});
    load.Run([&](const std::string& body, std::size_t) { writer.Send(body); });
    const double cpu = CpuSeconds(peer.pid()) - before;
    const auto start = std::chrono::steady_clock::now();
    const std::string status = peer.Ask("/api/v1/status/tsdb", {});
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (status.find("headStats") == std::string::npos) Fail("status/tsdb: " + status);
    std::printf("| %zu | %.0f | %.0f | %.0f | %.1f | %.0f |\n", day + 1,
                static_cast<double>(watch.peak()) / 1e6, Megabytes(peer.pid(), "RssAnon"),
                Megabytes(peer.pid(), "VmRSS"), cpu, ms);
    std::fflush(stdout);
  }
  peer.Stop();
}

std::vector<Scenario> Scenarios(double scale, int times) {
  const std::int64_t now_ms = Clock::System().WallNs() / 1'000'000;
  // At least those hosts that the questions name.
  const auto hosts = [scale](double count) {
    return std::max<std::size_t>(20, static_cast<std::size_t>(count * scale));
  };
  // DESIGN.md section 9's workload.
  Scenario first{.key = "100k",
                 .name = "100k series, 2 h",
                 .load = {.hosts = hosts(200),
                          .series = 524,
                          .rounds = 480,
                          .interval_ms = 15'000,
                          .start_ms = now_ms - 2 * kHourMs - 5 * kMinuteMs},
                 .questions = TwoHourQuestions(),
                 .times = times,
                 .goal_cpu = 0.6,
                 .goal_peak_mb = 120,
                 .goal_bytes = 1.1};
  Scenario second{.key = "1M",
                  .name = "1M series, 5 min",
                  .load = {.hosts = hosts(2'000),
                           .series = 500,
                           .rounds = 20,
                           .interval_ms = 15'000,
                           .start_ms = now_ms - 10 * kMinuteMs},
                  .times = std::max(1, times / 3),
                  .kill = true,
                  .goal_series_bytes = 600};
  for (Question& question : TwoHourQuestions()) {
    if (question.kind == Question::Kind::kRange) continue;
    question.goal_ms.reset();
    second.questions.push_back(std::move(question));
  }
  Scenario week{.key = "week",
                .name = "5k series, 7 days",
                .load = {.hosts = 20,
                         .series = 250,
                         .rounds = static_cast<std::size_t>(7 * 24 * 30 * std::min(1.0, scale * 5)),
                         .interval_ms = 2 * kMinuteMs},
                .questions = WeekQuestions(),
                .times = times};
  const auto span_ms = static_cast<std::int64_t>(week.load.rounds) * week.load.interval_ms;
  week.load.start_ms = now_ms - span_ms - 5 * kMinuteMs;
  return {first, second, week};
}

int Main(int argc, char** argv) {
  CLI::App app("Remote write and PromQL beside Prometheus and VictoriaMetrics");
  std::string aggregator;
  std::string prometheus;
  std::string victoria;
  std::vector<std::string> only;
  int times = 15;
  double scale = 1;
  app.add_option("--aggregator", aggregator, "The opssight-aggregator binary")->required();
  app.add_option("--prometheus", prometheus, "The prometheus binary; none: left out");
  app.add_option("--victoria-metrics", victoria, "The victoria-metrics binary; none: left out");
  app.add_option("--only", only, "Scenarios: 100k, 1M, week, churn")->delimiter(',');
  app.add_option("--times", times, "How often each query is asked")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--scale", scale, "Of the loads: 0.1 is a tenth of the hosts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto wanted = [&only](const std::string& key) {
    return only.empty() || std::find(only.begin(), only.end(), key) != only.end();
  };
  const std::string note =
      scale == 1 ? "" : fmt::format(" (scale {}: not the figures to judge by)", scale);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const TempDir dir;
  bool agree = true;
  for (const Scenario& scenario : Scenarios(scale, times)) {
    if (!wanted(scenario.key)) continue;
    const std::string here = dir / scenario.key;
    Comparison comparison(scenario);
    comparison.Run(*MakeOpsSight(aggregator, here + "-ours"));
    if (!prometheus.empty()) comparison.Run(*MakePrometheus(prometheus, here + "-prometheus"));
    if (!victoria.empty()) comparison.Run(*MakeVictoriaMetrics(victoria, here + "-victoria"));
    agree = comparison.Print(note) && agree;
    for (const char* who : {"-ours", "-prometheus", "-victoria"}) {
      std::filesystem::remove_all(here + who);
    }
  }
  if (wanted("churn")) {
    // A day passes in seconds, and is to be flushed several times as a real one is.
    const auto ours = MakeOpsSight(aggregator, dir / "churn", "store:\n  flush:\n    age: 1s\n");
    const auto hosts = static_cast<std::size_t>(2'000 * scale);
    RunChurn(*ours, std::max<std::size_t>(1, hosts), Clock::System().WallNs() / 1'000'000);
  }
  return agree ? 0 : 1;
}

}  // namespace
}  // namespace opssight::bench

int main(int argc, char** argv) {
  return opssight::bench::Main(argc, argv);
}
