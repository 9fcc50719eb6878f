// Makes PromQL from a seed: well-typed expressions over the series of data.h, some of them
// wrong when they run (many-to-many matches, equal label sets). Only what Prometheus 2.42
// knows. All times, steps, ranges and offsets are whole multiples of 15 s, but for queries'
// own times, which are 7 s beside: so no range, lookback or subquery begins exactly where a
// point is, where 2.42 and 3.x differ (table in diff_test.cc).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace opssight::diff {

struct Query {
  std::string text;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t step_ms = 0;  // 0: instant.
  bool ordered = false;      // Its instant result has an order.
  bool picks = false;        // topk or bottomk: of equal values any may stay.
};

class Generator {
 public:
  // Of data that begins at start_ms.
  Generator(Random& random, std::int64_t start_ms) : random_(random), start_ms_(start_ms) {}
  Query Next();

 private:
  using List = std::vector<const char*>;

  std::string Vector(int depth);
  std::string Scalar(int depth);
  std::string Selector();
  std::string Matchers();
  std::string Modifiers();
  std::string Range();
  std::string RangeCall(int depth);
  std::string VectorCall(int depth);
  std::string LabelCall(int depth);
  std::string Aggregate(int depth);
  std::string Arithmetic(int depth);
  std::string Join();
  std::string HistogramQuantile();
  std::string Set(int depth);
  std::string Ordered(int depth);

  const char* One(const List& list) { return list[random_.Below(list.size())]; }
  bool Chance(std::uint64_t percent) { return random_.Below(100) < percent; }

  Random& random_;
  const std::int64_t start_ms_;
  bool in_subquery_ = false;
};

}  // namespace opssight::diff
