// Classic histograms (_bucket, _sum, _count) made into native ones with custom buckets, as
// load_with_nhcb asks for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/model/histogram.h"
#include "common/model/labels.h"
#include "tests/promql/script.h"

namespace opssight::promqltest {

class ClassicHistograms {
 public:
  struct Made {
    Labels labels;
    std::int64_t time_ms = 0;
    std::shared_ptr<const Histogram> histogram;
  };

  // What is no part of a classic histogram is passed over.
  void Add(const Labels& labels, std::int64_t time_ms, const Value& value);
  // Those whose buckets do not fall.
  std::vector<Made> Convert() const;

 private:
  struct Parts {
    std::map<double, double> buckets;  // Upper bound, count up to it.
    std::optional<double> count;
    std::optional<double> sum;
  };
  static std::shared_ptr<const Histogram> Convert(const Parts& parts);

  std::map<std::pair<Labels, std::int64_t>, Parts> parts_;
};

}  // namespace opssight::promqltest
