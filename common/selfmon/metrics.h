// Counters, gauges and histograms of the process itself. They are members of plain
// structs, one a component, changed from any thread (relaxed: each value is right,
// two read together may be a moment apart) and read by a Registry.
//
//   struct SpoolMetrics {
//     Counter dropped_batches;
//     Gauge bytes;
//     ClassicHistogram commit_seconds{kSecondsBuckets};
//   };
//   metrics_.dropped_batches.Add(1);
//
// Add costs one atomic addition; Observe two and a search of the bounds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace opssight {

class Counter {
 public:
  void Add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double value) { value_.fetch_add(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// From 100 us to 30 s: commits, requests, flushes.
inline constexpr std::array<double, 12> kSecondsBuckets = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05,
                                                           0.1,    0.5,    1,     5,     10,   30};

class ClassicHistogram {
 public:
  // Upper bounds, ascending; +Inf is added.
  explicit ClassicHistogram(std::span<const double> bounds);
  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  // Values at or below bounds()[i], not added up; the last is the rest.
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<double> bounds_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

}  // namespace opssight
