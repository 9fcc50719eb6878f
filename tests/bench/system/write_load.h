// The series of many node_exporters as remote write 1.0 requests, in the order in which a
// scraping Prometheus would send them: round after round, host after host, some 2,000
// samples a request. Labels are encoded once, so that the load costs little beside servers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/bench/metric_mix.h"

namespace opssight::bench {

struct WriteLoadOptions {
  std::size_t hosts = 200;
  std::size_t series = 500;  // Of each host.
  std::size_t rounds = 480;
  std::int64_t interval_ms = 15'000;
  std::int64_t start_ms = 0;
  std::size_t samples_per_request = 2'000;
  std::size_t first_host = 0;  // Others have other names: for churn.
};

class WriteLoad {
 public:
  explicit WriteLoad(const WriteLoadOptions& options);
  // send gets each request's body, snappy and all, with the number of its samples.
  void Run(const std::function<void(const std::string& body, std::size_t samples)>& send);
  std::uint64_t samples() const {
    return static_cast<std::uint64_t>(options_.hosts) * options_.series * options_.rounds;
  }
  std::int64_t end_ms() const {
    return options_.start_ms +
           static_cast<std::int64_t>(options_.rounds - 1) * options_.interval_ms;
  }

 private:
  struct Host {
    std::vector<std::string> labels;  // The encoded label fields of each series.
    std::vector<MixedSeries> values;
    std::int64_t offset_ms = 0;  // Of its scrapes in the interval.
  };
  void Append(Host& host, std::int64_t time_ms, std::string& request) const;

  const WriteLoadOptions options_;
  std::vector<Host> hosts_;
};

}  // namespace opssight::bench
