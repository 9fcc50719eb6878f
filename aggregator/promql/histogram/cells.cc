#include "aggregator/promql/histogram/cells.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace opssight::promql {

namespace {

constexpr std::int64_t kOffsetMax = std::numeric_limits<std::int32_t>::max();

// A gap that no offset can hold is bridged by spans without buckets.
void AppendSpan(std::int64_t offset, std::vector<BucketSpan>& spans) {
  for (; offset > kOffsetMax; offset -= kOffsetMax) {
    spans.push_back({.offset = static_cast<std::int32_t>(kOffsetMax), .length = 0});
  }
  spans.push_back({.offset = static_cast<std::int32_t>(offset), .length = 0});
}

}  // namespace

Cells ToCells(const std::vector<BucketSpan>& spans, const std::vector<double>& counts,
              const std::vector<double>& compensation) {
  Cells cells;
  cells.reserve(counts.size());
  ForEachBucket(spans, counts, [&](std::int64_t index, double count) {
    const double c = compensation.empty() ? 0 : compensation[cells.size()];
    cells.push_back({.index = index, .count = count, .c = c});
  });
  return cells;
}

void FromCells(const Cells& cells, std::vector<BucketSpan>& spans, std::vector<double>& counts,
               std::vector<double>* compensation) {
  spans.clear();
  counts.clear();
  if (compensation != nullptr) compensation->clear();
  std::int64_t end = 0;
  for (const Cell& cell : cells) {
    if (spans.empty() || cell.index != end) AppendSpan(cell.index - end, spans);
    ++spans.back().length;
    end = cell.index + 1;
    counts.push_back(cell.count);
    if (compensation != nullptr) compensation->push_back(cell.c);
  }
}

double ExponentialBound(std::int64_t index, std::int32_t schema) {
  // Far beyond what doubles reach, so that shifts and casts stay in their types.
  constexpr std::int64_t kFar = std::int64_t{1} << 20;
  const std::int64_t near = std::clamp(index, -kFar, kFar);
  double bound = 0;
  if (schema <= 0) {
    bound = std::ldexp(1.0, static_cast<int>(near * (std::int64_t{1} << -schema)));
  } else {
    const std::int64_t whole = near >> schema;
    const std::int64_t part = near - whole * (std::int64_t{1} << schema);
    const double fraction = static_cast<double>(part) / static_cast<double>(1 << schema);
    bound = std::ldexp(std::exp2(fraction), static_cast<int>(whole));
  }
  // The bucket of the largest doubles ends with them.
  const bool first_beyond =
      std::isinf(bound) && index <= (schema < 0 ? 1024 >> -schema : 1024 << schema);
  return first_beyond ? std::numeric_limits<double>::max() : bound;
}

double UpperBound(std::int64_t index, const Histogram& histogram) {
  if (!histogram.custom()) return ExponentialBound(index, histogram.schema);
  const auto count = static_cast<std::int64_t>(histogram.custom_values.size());
  if (index < 0) return -std::numeric_limits<double>::infinity();
  if (index >= count) return std::numeric_limits<double>::infinity();
  return histogram.custom_values[static_cast<std::size_t>(index)];
}

std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

std::vector<std::int64_t> BucketsWithin(const std::vector<double>& from,
                                        const std::vector<double>& common) {
  std::vector<std::int64_t> within;
  within.reserve(from.size() + 1);
  for (const double bound : from) {
    within.push_back(std::lower_bound(common.begin(), common.end(), bound) - common.begin());
  }
  within.push_back(static_cast<std::int64_t>(common.size()));
  return within;
}

}  // namespace opssight::promql
