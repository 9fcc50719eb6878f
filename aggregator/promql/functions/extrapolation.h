// By how much the growth between the first and the last sample of a window is to be
// multiplied, so that it stands for the whole window. Prometheus' rules. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "aggregator/promql/functions/seconds.h"

namespace opssight::promql {

struct Extrapolation {
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
  std::size_t samples = 0;
  std::int64_t counts_since_ms = 0;  // Not 0: the range before it counts nothing.
  // Of a counter: what it was at first and by how much it grew, for it is never below zero.
  bool counter = false;
  double first = 0;
  double growth = 0;

  // Of the window (start_ms, end_ms].
  double Factor(std::int64_t start_ms, std::int64_t end_ms, bool per_second) const {
    double sampled = SecondsBetween(first_ms, last_ms);
    const double distance = samples > 1 ? sampled / static_cast<double>(samples - 1) : 0;
    const double threshold = distance * 1.1;
    double to_end = SecondsBetween(last_ms, end_ms);
    if (to_end >= threshold) to_end = distance / 2;
    double to_start = 0;
    if (counts_since_ms != 0) {
      sampled = SecondsBetween(counts_since_ms, last_ms);
    } else {
      to_start = SecondsBetween(start_ms, first_ms);
      if (to_start >= threshold) to_start = distance / 2;
      if (counter) {
        double to_zero = to_start;
        if (growth > 0 && first >= 0) to_zero = sampled * (first / growth);
        to_start = std::min(to_zero, to_start);
      }
    }
    double factor = sampled == 0 ? 1 : (sampled + to_start + to_end) / sampled;
    if (per_second) factor /= SecondsBetween(start_ms, end_ms);
    return factor;
  }
};

}  // namespace opssight::promql
