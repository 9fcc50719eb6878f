// What a query may hold in memory, counted in samples: a value of a column counts one a
// step, a histogram more by its size. Labels are free (so that numbers are what users know
// from Prometheus, and columns need not be looked through) until a query makes some itself,
// which may be of any size: then all beyond what series usually have count. Columns are
// counted as they are made and given back when the operator that read them is done. Safe on the
// threads of one query.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "aggregator/promql/functions/function.h"
#include "common/base/result.h"

namespace opssight::promql {

// Of a histogram, as samples of 16 bytes.
std::uint64_t SamplesOf(const Histogram& histogram);
// Labels aside.
std::uint64_t SamplesOf(const Column& column);
std::uint64_t SamplesOf(const Arg& value);

class SampleBudget {
 public:
  explicit SampleBudget(std::uint64_t max) : max_(max) {}

  // kExhausted: the query would hold more than it may.
  Status Take(std::uint64_t samples);
  // Sets what is held, when an operator's inputs have gone and its result is known. Only
  // while no other thread takes.
  Status Settle(std::uint64_t samples);
  // From now on labels count. Not while other threads work for the query.
  void CountLabels() { counts_labels_ = true; }
  // 0 where they do not.
  std::uint64_t SamplesOf(const Labels& labels) const;
  std::uint64_t SamplesOfLabels(const Columns& columns) const;
  // Counted for the statistics.
  void Look(std::uint64_t samples) { looked_at_.fetch_add(samples, std::memory_order_relaxed); }

  std::uint64_t max() const { return max_; }
  std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  std::uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  std::uint64_t looked_at() const { return looked_at_.load(std::memory_order_relaxed); }

 private:
  Status Check(std::uint64_t held);

  const std::uint64_t max_;
  bool counts_labels_ = false;
  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> looked_at_{0};
};

}  // namespace opssight::promql
