// The Kahan-Neumaier step of sums of many doubles. Not to be compiled with fast-math.
#pragma once

#include <cmath>

namespace opssight {

// sum + c is the sum so far; c is what sum had to round off.
inline void KahanAdd(double x, double& sum, double& c) {
  const double t = sum + x;
  if (std::isinf(t)) {
    c = 0;
  } else if (std::fabs(sum) >= std::fabs(x)) {
    c += (sum - t) + x;
  } else {
    c += (x - t) + sum;
  }
  sum = t;
}

}  // namespace opssight
