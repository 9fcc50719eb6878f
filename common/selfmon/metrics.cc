#include "common/selfmon/metrics.h"

#include <algorithm>

#include "common/base/check.h"

namespace opssight {

ClassicHistogram::ClassicHistogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
  const bool ascending = std::is_sorted(bounds_.begin(), bounds_.end(), std::less_equal<>());
  OPS_CHECK(ascending, "a histogram's {} bounds must ascend", bounds_.size());
}

void ClassicHistogram::Observe(double value) {
  // NaN is above every bound: counted, as the Prometheus clients do.
  const auto at = std::find_if(bounds_.begin(), bounds_.end(),
                               [value](double bound) { return value <= bound; });
  buckets_[static_cast<std::size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

}  // namespace opssight
