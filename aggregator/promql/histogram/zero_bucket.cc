#include "aggregator/promql/histogram/zero_bucket.h"

#include <cstddef>
#include <utility>

namespace opssight::promql {

namespace {

// Where the zero bucket must end for populated buckets of the side not to be cut.
double Reach(const Cells& cells, std::int32_t schema, double threshold) {
  double reach = threshold;
  for (const Cell& cell : cells) {
    if (ExponentialBound(cell.index - 1, schema) >= threshold) break;
    const double upper = ExponentialBound(cell.index, schema);
    if (upper > threshold && cell.count != 0) reach = upper;
  }
  return reach;
}

void Swallow(Cells& cells, Parts& parts) {
  std::size_t taken = 0;
  while (taken < cells.size() &&
         ExponentialBound(cells[taken].index - 1, parts.schema) < parts.zero_threshold) {
    parts.zero_count += cells[taken].count;
    parts.zero_c += cells[taken].c;
    ++taken;
  }
  cells.erase(cells.begin(), cells.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace

Parts TakeApart(const Histogram& histogram, const Histogram* compensation) {
  static const std::vector<double> kNone;
  Parts parts = {.positive = ToCells(histogram.positive_spans, histogram.positive,
                                     compensation == nullptr ? kNone : compensation->positive),
                 .negative = ToCells(histogram.negative_spans, histogram.negative,
                                     compensation == nullptr ? kNone : compensation->negative),
                 .zero_count = histogram.zero_count,
                 .zero_c = compensation == nullptr ? 0 : compensation->zero_count,
                 .zero_threshold = histogram.zero_threshold,
                 .schema = histogram.schema};
  return parts;
}

void Reduce(Parts& parts, std::int32_t schema) {
  const std::int32_t levels = parts.schema - schema;
  if (levels <= 0) return;
  const auto coarser = [levels](std::int64_t index) { return CoarserIndex(index, levels); };
  MapCells(parts.positive, coarser);
  MapCells(parts.negative, coarser);
  parts.schema = schema;
}

void WidenZero(Parts& parts, double threshold) {
  if (threshold <= parts.zero_threshold) return;
  double reach = threshold;
  for (;;) {
    const double wider =
        Reach(parts.negative, parts.schema, Reach(parts.positive, parts.schema, reach));
    if (wider == reach) break;
    reach = wider;
  }
  parts.zero_threshold = reach;
  Swallow(parts.positive, parts);
  Swallow(parts.negative, parts);
}

}  // namespace opssight::promql
