// One side of a histogram as a list of its buckets, which is easier to merge than spans.
// Indices are 64 bit: the sums of hostile span offsets do not overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/model/histogram.h"

namespace opssight::promql {

struct Cell {
  std::int64_t index = 0;
  double count = 0;
  double c = 0;  // The Kahan term of count.
};
using Cells = std::vector<Cell>;  // By index, each once.

template <class Visit>
void ForEachBucket(const std::vector<BucketSpan>& spans, const std::vector<double>& counts,
                   Visit&& visit) {
  std::int64_t index = 0;
  std::size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && at < counts.size(); ++i) {
      visit(index++, counts[at++]);
    }
  }
}

// compensation: as many as counts, or empty.
Cells ToCells(const std::vector<BucketSpan>& spans, const std::vector<double>& counts,
              const std::vector<double>& compensation);
void FromCells(const Cells& cells, std::vector<BucketSpan>& spans, std::vector<double>& counts,
               std::vector<double>* compensation);

// Each index becomes map(index), which must not fall; equal ones are added up.
template <class Map>
void MapCells(Cells& cells, Map&& map) {
  std::size_t kept = 0;
  for (const Cell& cell : cells) {
    const std::int64_t index = map(cell.index);
    if (kept > 0 && cells[kept - 1].index == index) {
      cells[kept - 1].count += cell.count;
      cells[kept - 1].c += cell.c;
    } else {
      cells[kept++] = {.index = index, .count = cell.count, .c = cell.c};
    }
  }
  cells.resize(kept);
}

// The upper bound of a bucket of the positive side.
double UpperBound(std::int64_t index, const Histogram& histogram);
double ExponentialBound(std::int64_t index, std::int32_t schema);

// The index at a schema coarser by `levels`.
inline std::int64_t CoarserIndex(std::int64_t index, std::int32_t levels) {
  return ((index - 1) >> levels) + 1;
}

// Bounds that both have, and for each bucket of `from` the one of `common` that holds it.
std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b);
std::vector<std::int64_t> BucketsWithin(const std::vector<double>& from,
                                        const std::vector<double>& common);

}  // namespace opssight::promql
