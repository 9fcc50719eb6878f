// Requests as clients send them, and the answers they get, from tests/data/http.
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "common/bytes/snappy.h"
#include "common/codec/remote/write.h"
#include "common/text/number.h"
#include "tests/e2e/e2e_world.h"

namespace opssight {
namespace {

struct Recorded {
  std::string line;  // "METHOD /path".
  std::string form;
  int status = 0;
  std::string answer;
};

// text with {T}, {T-60}, {T+15} as times.
std::string WithTimes(const std::string& text, std::int64_t time_s) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('}', at);
    if (text.compare(at, 2, "{T") != 0 || end == std::string::npos) {
      out.push_back(text[at++]);
      continue;
    }
    std::string_view offset = std::string_view(text).substr(at + 2, end - at - 2);
    if (offset.starts_with('+')) offset.remove_prefix(1);
    out += std::to_string(time_s + ParseInt<std::int64_t>(offset).value_or(0));
    at = end + 1;
  }
  return out;
}

std::vector<Recorded> Read(const std::string& name, std::int64_t time_s) {
  std::ifstream in(std::string(OPS_SOURCE_DIR) + "/tests/data/http/" + name);
  EXPECT_TRUE(in) << name;
  std::vector<Recorded> all;
  Recorded now;
  for (std::string raw; std::getline(in, raw);) {
    const std::string line = WithTimes(raw, time_s);
    if (line.starts_with('#') || line.empty()) continue;
    const bool is_answer = line[0] >= '1' && line[0] <= '9';
    if (now.line.empty()) {
      now.line = line;
    } else if (!is_answer) {
      now.form = line;
    } else {
      now.status = ParseInt<int>(std::string_view(line).substr(0, 3)).value_or(0);
      now.answer = line.substr(std::min<std::size_t>(4, line.size()));
      all.push_back(std::exchange(now, {}));
    }
  }
  EXPECT_TRUE(now.line.empty()) << "without an answer: " << now.line;
  return all;
}

// Whether text is pattern, in which … stands for anything.
bool Fits(std::string_view text, std::string_view pattern) {
  constexpr std::string_view kAny = "…";
  std::size_t mark = pattern.find(kAny);
  if (!text.starts_with(pattern.substr(0, mark))) return false;
  if (mark == std::string_view::npos) return text.size() == pattern.size();
  text.remove_prefix(mark);
  for (;;) {
    pattern.remove_prefix(mark + kAny.size());
    mark = pattern.find(kAny);
    if (mark == std::string_view::npos) return text.ends_with(pattern);
    const std::size_t at = text.find(pattern.substr(0, mark));
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + mark);
  }
}

class RecordedTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_EQ(Why(world_.programs().WriteConfigs()), "");
    ASSERT_EQ(Why(world_.programs().aggregator().Start()), "");
    ASSERT_EQ(Why(world_.programs().WaitForAggregator(kSoon)), "");
    Push();
    ASSERT_TRUE(world_.Comes("\"my.metric\"", [&] {
      return world_.Query(fmt::format("{{\"my.metric\"}} @ {}", last_s_));
    }));
  }

  // As `promtool push metrics` and Prometheus itself send.
  void Push() {
    std::vector<WriteSeriesOut> all;
    for (const std::string_view job : {"api", "db"}) {
      WriteSeriesOut& out = all.emplace_back();
      out.labels = {{"__name__", "requests_total"}, {"job", job}};
      for (std::int64_t i = 0; i < 60; ++i) {
        out.samples.push_back({.time_ms = At(i, 60), .value = static_cast<double>(i * 30)});
      }
    }
    all[0].exemplars.push_back({.time_ms = At(0, 1), .value = 1, .labels = {{"trace_id", "abc"}}});
    AddClassic("rpc_seconds_bucket", "+Inf", 40, all);
    AddClassic("rpc_seconds_bucket", "0.1", 10, all);
    AddClassic("rpc_seconds_bucket", "1", 30, all);
    AddClassic("rpc_seconds_count", "", 40, all);
    AddClassic("rpc_seconds_sum", "", 8.5, all);
    WriteSeriesOut& native = all.emplace_back();
    native.labels = {{"__name__", "rpc_native_seconds"}, {"job", "api"}};
    for (std::int64_t i = 0; i < 4; ++i) {
      const auto k = static_cast<double>(i);
      native.histograms.push_back({.time_ms = At(i, 4),
                                   .histogram = {.schema = 0,
                                                 .zero_threshold = 0.001,
                                                 .zero_count = k,
                                                 .count = 3 * (k + 1) + k,
                                                 .sum = k + 0.5,
                                                 .positive_spans = {{0, 2}},
                                                 .positive = {k + 1, 2 * (k + 1)}}});
    }
    WriteSeriesOut& dotted = all.emplace_back();
    dotted.labels = {{"__name__", "my.metric"}, {"my.label", "x"}};
    dotted.samples.push_back({.time_ms = At(0, 1), .value = 1});
    const WriteMetadata metadata{
        .type = MetricType::kCounter, .name = "requests_total", .help = "Requests.", .unit = ""};
    const HttpAnswer answer = HttpPost(
        world_.programs().url() + "/api/v1/write", SnappyCompress(EncodeWriteV1(all, {metadata})),
        {"Content-Type: application/x-protobuf", "Content-Encoding: snappy",
         "User-Agent: promtool/3.14.0", "X-Prometheus-Remote-Write-Version: 0.1.0"});
    ASSERT_EQ(answer.status, 204) << answer.body;
  }
  // The time of the i-th of count samples.
  std::int64_t At(std::int64_t i, std::int64_t count) const {
    return last_s_ * 1000 - (count - 1 - i) * 15'000;
  }
  void AddClassic(std::string_view name, std::string_view le, double step,
                  std::vector<WriteSeriesOut>& all) const {
    WriteSeriesOut& out = all.emplace_back();
    out.labels = {{"__name__", name}, {"job", "api"}};
    if (!le.empty()) out.labels.emplace_back("le", le);
    for (std::int64_t i = 0; i < 4; ++i) {
      out.samples.push_back({.time_ms = At(i, 4), .value = step * static_cast<double>(i)});
    }
  }

  E2eWorld world_;
  // A minute's begin, so that times are whole.
  const std::int64_t last_s_ = std::chrono::duration_cast<std::chrono::minutes>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                       .count() *
                                   60 -
                               60;
};

TEST_P(RecordedTest, IsAnsweredAsExpected) {
  const std::vector<Recorded> all = Read(std::string(GetParam()) + ".txt", last_s_);
  EXPECT_GE(all.size(), 8U);
  for (const Recorded& one : all) {
    const std::size_t space = one.line.find(' ');
    const std::string url = world_.programs().url() + one.line.substr(space + 1);
    const HttpAnswer answer =
        one.line.starts_with("POST")
            ? HttpPost(url, one.form, {"Content-Type: application/x-www-form-urlencoded"})
            : HttpGet(url);
    EXPECT_EQ(answer.status, one.status) << one.line << "\n" << one.form << "\n" << answer.body;
    std::string body = answer.body;
    while (body.ends_with('\n')) body.pop_back();
    EXPECT_TRUE(Fits(body, one.answer)) << one.line << "\n"
                                        << one.form << "\nis answered\n"
                                        << body << "\nand not\n"
                                        << one.answer;
  }
}

INSTANTIATE_TEST_SUITE_P(, RecordedTest, testing::Values("grafana", "promtool"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace opssight
