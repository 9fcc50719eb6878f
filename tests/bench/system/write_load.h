// The series of many node_exporters as remote write 1.0 requests, in the order in which a
// scraping Prometheus would send them: round after round, host after host, cut after each
// 2,000 samples, wherever that is. Kinds of series suit their names, and a histogram's
// buckets grow with le. Labels are encoded once, so that the load costs little beside servers.
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
  // A time to ask for: odd, while samples stand at even ones, so that none stands just on
  // the border of a window, which belongs to it in old versions of Prometheus only.
  std::int64_t end_ms() const {
    const std::int64_t ms =
        options_.start_ms + static_cast<std::int64_t>(options_.rounds) * options_.interval_ms;
    return ms / 2 * 2 + 1;
  }

 private:
  struct Host {
    std::vector<std::string> labels;  // The encoded label fields of each series.
    std::vector<MixedSeries> values;
    std::int64_t offset_ms = 0;  // Of its scrapes in the interval.
  };
  enum class Place : std::uint8_t { kAlone, kBucket, kLastBucket };

  const WriteLoadOptions options_;
  std::vector<Place> places_;  // Of the series of a host, all alike.
  std::vector<Host> hosts_;
};

}  // namespace opssight::bench
