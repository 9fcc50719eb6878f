// Sends numbered spans and points as an instrumented program does.
#include <algorithm>

#include <fmt/core.h>

#include "tests/faults/generator.h"
#include "tests/support/http.h"

namespace opssight::faults {
namespace {

constexpr std::uint64_t kPointsOfRequest = 20;
constexpr auto kRetry = std::chrono::milliseconds(30);

class OtlpClient final : public Generator {
 public:
  OtlpClient(Source source, const OtlpOptions& options)
      : source_(std::move(source)), options_(options), thread_([this] { Run(); }) {}
  ~OtlpClient() override { Stop(std::chrono::seconds(0)); }

  bool Stop(std::chrono::seconds limit) override {
    if (!thread_.joinable()) return failure_.empty();
    stop_ = true;
    const bool done = WaitFor(limit, [this] { return ended_.load(); });
    give_up_ = true;
    thread_.join();
    if (!done && failure_.empty()) failure_ = "the agent did not answer the last request";
    return failure_.empty();
  }
  const Source& source() const override { return source_; }
  std::uint64_t emitted() const override { return emitted_; }
  std::uint64_t retried() const override { return retried_; }
  std::string failure() const override { return failure_; }

 private:
  void Run();
  bool Send(const std::string& body, std::uint64_t records);
  std::string Spans(std::uint64_t part) const;
  std::string Points(std::uint64_t part) const;

  const Source source_;
  const OtlpOptions options_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> give_up_{false};
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> emitted_{0};
  std::uint64_t retried_ = 0;
  std::string failure_;
  std::thread thread_;  // Last: uses the above.
};

std::string OtlpClient::Spans(std::uint64_t part) const {
  std::string spans;
  for (std::uint64_t i = 1; i <= kSpansOfTrace; ++i) {
    const std::uint64_t n = part * kSpansOfTrace + i;
    spans += fmt::format(
        R"({}{{"traceId":"{}","spanId":"{:016x}","name":"work","kind":1,"startTimeUnixNano":"{}",)"
        R"("endTimeUnixNano":"{}","attributes":[{{"key":"pad","value":{{"stringValue":"{}"}}}}]}})",
        i == 1 ? "" : ",", source_.TraceId(part), n, source_.TimeNs(n),
        source_.TimeNs(n) + kNsPerMs, source_.Pad(n));
  }
  return fmt::format(R"({{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name",)"
                     R"("value":{{"stringValue":"{}"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}})",
                     source_.name, spans);
}

std::string OtlpClient::Points(std::uint64_t part) const {
  std::string points;
  for (std::uint64_t i = 1; i <= kPointsOfRequest; ++i) {
    const std::uint64_t n = part * kPointsOfRequest + i;
    points += fmt::format(R"({}{{"timeUnixNano":"{}","asInt":"{}"}})", i == 1 ? "" : ",",
                          source_.TimeNs(n), n);
  }
  return fmt::format(
      R"({{"resourceMetrics":[{{"resource":{{"attributes":[)"
      R"({{"key":"service.name","value":{{"stringValue":"{0}"}}}},)"
      R"({{"key":"service.instance.id","value":{{"stringValue":"1"}}}}]}},)"
      R"("scopeMetrics":[{{"metrics":[{{"name":"{0}","gauge":{{"dataPoints":[{1}]}}}}]}}]}}]}})",
      source_.name, points);
}

// Until it is answered with success; false where it never will be.
bool OtlpClient::Send(const std::string& body, std::uint64_t records) {
  const std::string url = fmt::format("http://127.0.0.1:{}/v1/{}", options_.port,
                                      source_.kind == SourceKind::kSpans ? "traces" : "metrics");
  while (!give_up_) {
    const HttpAnswer answer = HttpPost(url, body, {"content-type: application/json"});
    if (answer.status == 200 && answer.body.find("ejected") == std::string::npos) return true;
    if (answer.status != 0 && answer.status != 429 && answer.status != 503) {
      failure_ = fmt::format("{}: {} {}", url, answer.status, answer.body);
      return false;
    }
    retried_ += records;
    std::this_thread::sleep_for(kRetry);  // As a client backs off.
  }
  return false;
}

void OtlpClient::Run() {
  const bool spans = source_.kind == SourceKind::kSpans;
  const std::uint64_t records = spans ? kSpansOfTrace : kPointsOfRequest;
  const auto period = std::chrono::microseconds(1'000'000 * records / options_.records_per_second);
  for (std::uint64_t part = 0; !stop_; ++part) {
    const auto next = std::chrono::steady_clock::now() + period;
    if (!Send(spans ? Spans(part) : Points(part), records)) break;
    emitted_ += records;
    while (!stop_ && std::chrono::steady_clock::now() < next) {
      std::this_thread::sleep_for(std::min<std::chrono::microseconds>(period, kRetry));
    }
  }
  ended_ = true;
}

}  // namespace

std::unique_ptr<Generator> StartOtlp(Source source, const OtlpOptions& options) {
  return std::make_unique<OtlpClient>(std::move(source), options);
}

}  // namespace opssight::faults
