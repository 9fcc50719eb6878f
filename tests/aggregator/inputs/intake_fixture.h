// What tests of remote write share: requests made by a sender that cuts a stream of scrapes
// into requests, and what an intake makes of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "aggregator/inputs/write_intake.h"

namespace opssight {

inline constexpr std::int64_t kNowMs = 1'767'225'600'000;

// Owns the texts of its labels.
struct TestSeries {
  std::vector<Label> labels;
  std::vector<WriteSample> samples = {};
  std::vector<WriteHistogram> histograms = {};
  MetricType type = MetricType::kUnknown;
  std::string help = {};

  WriteSeriesOut Out() const {
    WriteSeriesOut out{.type = type, .help = help, .samples = samples, .histograms = histograms};
    for (const Label& label : labels) out.labels.emplace_back(label.name, label.value);
    return out;
  }
};

inline std::string EncodeTest(const std::vector<TestSeries>& series, WriteVersion version) {
  std::vector<WriteSeriesOut> out;
  for (const TestSeries& one : series) out.push_back(one.Out());
  return version == WriteVersion::kV1 ? EncodeWriteV1(out, {}) : EncodeWriteV2(out);
}

inline std::vector<TestSeries> Scrape(const std::string& host, std::size_t count,
                                      std::int64_t time_ms) {
  std::vector<TestSeries> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({.labels = {{"__name__", "m" + std::to_string(i / 10)},
                              {"i", std::to_string(i)},
                              {"instance", host}},
                   .samples = {{.time_ms = time_ms, .value = static_cast<double>(i)}}});
  }
  return out;
}

}  // namespace opssight
