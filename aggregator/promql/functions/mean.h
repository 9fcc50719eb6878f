// A mean that does not overflow where the sum of its values would.
#pragma once

#include <cmath>

#include "aggregator/promql/functions/function.h"

namespace opssight::promql {

struct FloatMean {
  KahanSum total = {.sum = -0.0, .c = 0};  // Leaves the first value as it is, -0 too.
  double mean = 0;
  double c = 0;
  double count = 0;
  bool incremental = false;

  void Add(double x) {
    ++count;
    if (!incremental) {
      KahanSum next = total;
      next.Add(x);
      // The first may be infinite; the sum of others must not become it.
      if (count == 1 || !std::isinf(next.sum)) {
        total = next;
        return;
      }
      incremental = true;
      mean = total.sum / (count - 1);
      c = total.c / (count - 1);
    }
    const double q = (count - 1) / count;
    KahanSum next = {.sum = q * mean, .c = q * c};
    next.Add(x / count);
    mean = next.sum;
    c = next.c;
  }
  double Result() const { return incremental ? mean + c : total.sum / count + total.c / count; }
};

}  // namespace opssight::promql
