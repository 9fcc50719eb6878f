#include "tests/diff/data.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/core.h>

#include "common/bytes/snappy.h"
#include "common/codec/remote/write.h"
#include "common/model/record.h"

namespace opssight::diff {

namespace {

class Maker {
 public:
  Maker(Random& random, std::int64_t start_ms) : random_(random), start_ms_(start_ms) {}

  std::vector<SeriesData> Make() {
    for (const char* job : {"api", "db"}) {
      for (int i = 0; i < 3; ++i) Target(job, fmt::format("host-{}:9100", i));
    }
    return std::move(data_);
  }

 private:
  void Target(const std::string& job, const std::string& instance) {
    // Each target has its own phase; 1 to 999 ms beside a whole second.
    phase_ms_ = static_cast<std::int64_t>(random_.Below(15)) * 1000 + 1 +
                static_cast<std::int64_t>(random_.Below(999));
    job_ = job;
    instance_ = instance;
    for (const char* code : {"200", "404", "500"}) {
      Counter("http_requests_total", {{"code", code}});
    }
    for (const char* zone : {"north", "south"}) Gauge("temperature", {{"zone", zone}});
    Gauge("load", {});
    Buckets();
    Add("build_info", {{"version", instance == "host-0:9100" ? "1.1" : "1.2"}},
        [](std::size_t) { return 1.0; });
    Flaky();
    Odd();
  }

  template <class Value>
  void Add(const std::string& name, std::vector<Label> labels, Value value) {
    labels.push_back({std::string(kMetricName), name});
    labels.push_back({"job", job_});
    labels.push_back({"instance", instance_});
    SeriesData series = {.labels = Labels(std::move(labels)), .samples = {}};
    for (std::size_t i = 0; i < kSpanMs / kIntervalMs; ++i) {
      const std::int64_t time_ms =
          start_ms_ + static_cast<std::int64_t>(i) * kIntervalMs + phase_ms_;
      const double number = value(i);
      if (number != kGap) series.samples.push_back({.time_ms = time_ms, .value = number});
    }
    data_.push_back(std::move(series));
  }

  void Counter(const std::string& name, std::vector<Label> labels) {
    double total = 1000 + static_cast<double>(random_.Below(100'000));
    Add(name, std::move(labels), [&](std::size_t) {
      if (random_.Below(150) == 0) total = static_cast<double>(random_.Below(20));
      return total += static_cast<double>(random_.Below(50));
    });
  }

  void Gauge(const std::string& name, std::vector<Label> labels) {
    double now = 10 + 20 * random_.Unit();
    Add(name, std::move(labels),
        [&](std::size_t) { return now = std::round((now + random_.Unit() - 0.5) * 1000) / 1000; });
  }

  void Buckets() {
    static constexpr std::array<const char*, 5> kBounds = {"0.1", "0.5", "1", "5", "+Inf"};
    std::vector<std::array<double, 5>> rows;
    // From far above zero: rate's way to a counter's zero is another in 2.42.
    std::array<double, 5> now = {1e5, 2e5, 3e5, 4e5, 5e5};
    for (std::size_t i = 0; i < kSpanMs / kIntervalMs; ++i) {
      double more = 0;
      for (double& bucket : now) bucket += more += static_cast<double>(random_.Below(8));
      rows.push_back(now);
    }
    for (std::size_t b = 0; b < kBounds.size(); ++b) {
      Add("latency_seconds_bucket", {{"le", kBounds[b]}},
          [&](std::size_t i) { return rows[i][b]; });
    }
    Add("latency_seconds_count", {}, [&](std::size_t i) { return rows[i][4]; });
    Add("latency_seconds_sum", {}, [&](std::size_t i) { return rows[i][4] * 0.75; });
  }

  // Comes and goes, with a stale marker or without.
  void Flaky() {
    bool there = true;
    Add("flaky", {}, [&](std::size_t i) {
      const bool was = there;
      if (random_.Below(30) == 0) there = !there;
      if (there) return 1000 + static_cast<double>(i);
      const bool marked = was && random_.Below(2) == 0;
      return marked ? std::bit_cast<double>(kStaleNanBits) : kGap;
    });
  }

  void Odd() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::array<double, 8> odd = {0,         -0.0,       1.5,          -7,
                                       kInfinity, -kInfinity, std::nan(""), 1e100};
    Add("odd", {}, [&](std::size_t) { return odd[random_.Below(odd.size())]; });
  }

  static constexpr double kGap = -9e99;  // No series has such a value.

  Random& random_;
  const std::int64_t start_ms_;
  std::int64_t phase_ms_ = 0;
  std::string job_;
  std::string instance_;
  std::vector<SeriesData> data_;
};

}  // namespace

std::vector<SeriesData> MakeData(Random& random, std::int64_t start_ms) {
  return Maker(random, start_ms).Make();
}

std::string RemoteWriteBody(const std::vector<SeriesData>& data) {
  std::vector<WriteSeriesOut> out;
  for (const SeriesData& series : data) {
    WriteSeriesOut& to = out.emplace_back();
    for (const Label& label : series.labels) to.labels.push_back({label.name, label.value});
    for (const Sample& sample : series.samples) {
      to.samples.push_back({.time_ms = sample.time_ms, .value = sample.value});
    }
  }
  return SnappyCompress(EncodeWriteV1(out, {}));
}

}  // namespace opssight::diff
