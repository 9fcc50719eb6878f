#include "tests/bench/system/peer_questions.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/core.h>

#include "tests/bench/system/servers.h"
#include "tests/diff/answer.h"

namespace opssight::bench {
namespace {

using Kind = Question::Kind;
using diff::Answer;

// Of rates where their definition differs: the median, and the share of values that only one
// has.
constexpr double kNearMedian = 0.05;
constexpr std::size_t kOneSidedShare = 30;  // One in so many.

std::string Seconds(std::int64_t ms) {
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

std::string PathOf(const Question& question) {
  switch (question.kind) {
    case Kind::kInstant:
      return "/api/v1/query";
    case Kind::kRange:
      return "/api/v1/query_range";
    case Kind::kLabelValues:
      break;
  }
  return "/api/v1/label/" + question.expr + "/values";
}

Peer::Query ParametersOf(const Question& question, std::int64_t end_ms) {
  const std::string start = Seconds(end_ms - question.back_ms);
  const std::string end = Seconds(end_ms);
  switch (question.kind) {
    case Kind::kInstant:
      return {{"query", question.expr}, {"time", end}};
    case Kind::kRange:
      return {{"query", question.expr},
              {"start", start},
              {"end", end},
              {"step", Seconds(question.step_ms)}};
    case Kind::kLabelValues:
      break;
  }
  return {{"start", start}, {"end", end}};
}

// Of a list of strings, as they stand in the body: all three write them alike.
std::string_view ListOf(std::string_view body) {
  const std::size_t from = body.find('[');
  const std::size_t to = body.rfind(']');
  if (from == std::string_view::npos || to == std::string_view::npos || to < from) return {};
  return body.substr(from, to - from);
}

double RelativeDifference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double size = std::max(std::abs(a), std::abs(b));
  const double difference = std::abs(a - b) / size;
  return std::isnan(difference) ? 1 : difference;
}

// Differences of the values that both have; one_sided: how many only one has.
std::vector<double> DifferencesOf(const Answer& ours, const Answer& theirs,
                                  std::size_t& one_sided) {
  std::map<std::pair<std::string, std::int64_t>, double> values;
  for (const Answer::Series& series : ours.series) {
    const std::string name = series.labels.PrometheusText();
    for (const auto& point : series.points) values[{name, point.time_ms}] = point.value;
  }
  std::vector<double> differences;
  one_sided = 0;
  for (const Answer::Series& series : theirs.series) {
    const std::string name = series.labels.PrometheusText();
    for (const auto& point : series.points) {
      const auto found = values.find({name, point.time_ms});
      if (found == values.end()) {
        ++one_sided;
        continue;
      }
      differences.push_back(RelativeDifference(found->second, point.value));
      values.erase(found);
    }
  }
  one_sided += values.size();
  std::sort(differences.begin(), differences.end());
  return differences;
}

}  // namespace

std::vector<Question> TwoHourQuestions() {
  const std::string rate = "sum by (instance) (rate(node_cpu_seconds_total[5m]))";
  return {
      {.what = "instant: sum of rate by instance", .expr = rate, .rate = true, .goal_ms = 25},
      {.what = "2 h at 15 s: the same",
       .kind = Kind::kRange,
       .expr = rate,
       .back_ms = 2 * kHourMs,
       .step_ms = 15'000,
       .rate = true,
       .goal_ms = 200},
      {.what = "2 h at 60 s: histogram_quantile by le",
       .kind = Kind::kRange,
       .expr = "histogram_quantile(0.99, sum by (le) "
               "(rate(http_request_duration_seconds_bucket[5m])))",
       .back_ms = 2 * kHourMs,
       .step_ms = kMinuteMs,
       .rate = true,
       .goal_ms = 130},
      {.what = "instant: count over all series", .expr = "count({__name__!=\"\"})", .goal_ms = 100},
      {.what = "instant: topk of rate",
       .expr = "topk(10, rate(node_network_receive_bytes_total[5m]))",
       .rate = true,
       .picks = true},
      {.what = "instant: regex matchers",
       .expr = "count by (instance) ({__name__=~\"node_disk_.*total\","
               "instance=~\"10.1.0.1.?:9100\"})"},
      {.what = "2 h at 15 s: a single series",
       .kind = Kind::kRange,
       .expr = "node_load1{instance=\"10.1.0.1:9100\"}",
       .back_ms = 2 * kHourMs,
       .step_ms = 15'000},
      {.what = "label values",
       .kind = Kind::kLabelValues,
       .expr = "instance",
       .back_ms = 2 * kHourMs},
      {.what = "instant: a join with group_left",
       .expr = "node_filesystem_avail_bytes * on (instance) group_left () node_load1"},
      {.what = "2 h at 60 s: max of a gauge by instance",
       .kind = Kind::kRange,
       .expr = "max by (instance) (max_over_time(node_load1[10m]))",
       .back_ms = 2 * kHourMs,
       .step_ms = kMinuteMs},
  };
}

std::vector<Question> WeekQuestions() {
  return {{.what = "7 d at 10 min: sum of rate by instance",
           .kind = Kind::kRange,
           .expr = "sum by (instance) (rate(node_cpu_seconds_total[1h]))",
           .back_ms = 7 * 24 * kHourMs,
           .step_ms = 10 * kMinuteMs,
           .rate = true},
          {.what = "7 d at 1 h: average of a gauge",
           .kind = Kind::kRange,
           .expr = "avg(avg_over_time(node_load1[1h]))",
           .back_ms = 7 * 24 * kHourMs,
           .step_ms = kHourMs}};
}

Asked Ask(const Peer& peer, const Question& question, std::int64_t end_ms, int times) {
  const std::string path = PathOf(question);
  const Peer::Query query = ParametersOf(question, end_ms);
  Asked asked;
  std::vector<double> walls;
  const double before = CpuSeconds(peer.pid());
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    asked.body = peer.Ask(path, query);
    walls.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  asked.cpu_ms = (CpuSeconds(peer.pid()) - before) * 1e3 / times;
  std::sort(walls.begin(), walls.end());
  asked.p50_ms = walls[walls.size() / 2];
  return asked;
}

Agreement Compare(const Question& question, const std::string& ours, const std::string& theirs,
                  bool exact) {
  if (question.kind == Kind::kLabelValues) {
    const std::string_view a = ListOf(ours);
    const std::string_view b = ListOf(theirs);
    if (!a.empty() && a == b) return {};
    return {.difference = fmt::format("ours {}, theirs {}", a.substr(0, 200), b.substr(0, 200))};
  }
  const auto a = diff::ParseAnswer(ours);
  const auto b = diff::ParseAnswer(theirs);
  if (!a || !b) return {.difference = (a ? b.error() : a.error()).message};
  // Every question has an answer in this data.
  if (a->series.empty()) return {.difference = "ours is empty"};
  std::size_t one_sided = 0;
  const std::vector<double> differences = DifferencesOf(*a, *b, one_sided);
  Agreement agreement{.values = differences.size(),
                      .worst = differences.empty() ? 0 : differences.back()};
  if (exact || !question.rate) {
    agreement.difference = diff::Difference(*b, *a, false);
    return agreement;
  }
  const double median = differences.empty() ? 1 : differences[differences.size() / 2];
  // What is picked by its rate may be another series, but as many.
  const std::size_t allowed =
      question.picks ? a->series.size() + b->series.size() : differences.size() / kOneSidedShare;
  if (question.picks && a->series.size() != b->series.size()) {
    agreement.difference =
        fmt::format("ours has {} series, theirs {}", a->series.size(), b->series.size());
    return agreement;
  }
  if (median > kNearMedian || one_sided > allowed) {
    agreement.difference = fmt::format("median difference {:.3g}, {} values only one has, of {}",
                                       median, one_sided, differences.size());
  }
  return agreement;
}

}  // namespace opssight::bench
