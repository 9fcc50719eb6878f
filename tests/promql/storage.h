// What a script has loaded. Counter reset hints come back from it as from Prometheus' own
// store: what was loaded as unknown is told apart by looking at the histogram before.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "tests/promql/script.h"
#include "tests/support/memory_series.h"

namespace opssight::promqltest {

class Storage {
 public:
  void Clear();
  Status Load(const LoadCommand& load);
  const MemorySeries& source() const { return source_; }

 private:
  struct Point {
    Value value;
    std::int64_t start_ms = 0;
  };
  using Points = std::map<std::int64_t, Point>;

  void Refill(const Labels& labels, const Points& points);

  std::map<Labels, Points> series_;
  MemorySeries source_;
};

}  // namespace opssight::promqltest
