#include "aggregator/store/metrics/histogram_chunk.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "aggregator/store/metrics/group.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr std::size_t kFixedColumns = 4;        // Hint, count, zero count, sum.
constexpr std::size_t kCellsMax = 1UL << 20;    // Rows times columns: 8 MiB decoded.
constexpr std::size_t kBucketsMax = 1UL << 18;  // Of one histogram; more than any batch may have.

std::size_t ColumnsOf(const Histogram& histogram) {
  return kFixedColumns + histogram.positive.size() + histogram.negative.size();
}

// -0.0 and 0.0 are two layouts, and a NaN is its own: what is decoded is what came.
bool SameBits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

void PutDouble(std::string& out, double value) {
  PutLe(out, std::bit_cast<std::uint64_t>(value));
}

std::optional<double> GetDouble(std::string_view& bytes) {
  const auto bits = GetLe<std::uint64_t>(bytes);
  if (!bits) return std::nullopt;
  return std::bit_cast<double>(*bits);
}

void PutSpans(const std::vector<BucketSpan>& spans, std::string& out) {
  PutVarint(out, spans.size());
  for (const BucketSpan& span : spans) {
    PutZigZag(out, span.offset);
    PutVarint(out, span.length);
  }
}

// Also how many buckets the spans name.
bool TakeSpans(std::string_view& bytes, std::vector<BucketSpan>& spans, std::size_t& buckets) {
  const auto count = GetVarint(bytes);
  if (!count || *count > bytes.size()) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto offset = GetZigZag(bytes);
    const auto length = GetVarint(bytes);
    if (!offset || !length || *offset < INT32_MIN || *offset > INT32_MAX) return false;
    if (*length > kBucketsMax - buckets) return false;
    buckets += *length;
    spans.push_back({.offset = static_cast<std::int32_t>(*offset),
                     .length = static_cast<std::uint32_t>(*length)});
  }
  return true;
}

void PutLayout(const Histogram& histogram, std::string& out) {
  PutZigZag(out, histogram.schema);
  PutDouble(out, histogram.zero_threshold);
  PutSpans(histogram.positive_spans, out);
  PutSpans(histogram.negative_spans, out);
  PutVarint(out, histogram.custom_values.size());
  for (const double bound : histogram.custom_values) PutDouble(out, bound);
}

// All but the counts, which have their sizes.
bool TakeLayout(std::string_view& bytes, Histogram& out) {
  const auto schema = GetZigZag(bytes);
  const auto threshold = GetDouble(bytes);
  if (!schema || !threshold || *schema < INT32_MIN || *schema > INT32_MAX) return false;
  out.schema = static_cast<std::int32_t>(*schema);
  out.zero_threshold = *threshold;
  std::size_t positive = 0;
  std::size_t negative = 0;
  if (!TakeSpans(bytes, out.positive_spans, positive)) return false;
  if (!TakeSpans(bytes, out.negative_spans, negative)) return false;
  const auto bounds = GetVarint(bytes);
  if (!bounds || *bounds > bytes.size() / sizeof(double)) return false;
  for (std::uint64_t i = 0; i < *bounds; ++i) out.custom_values.push_back(*GetDouble(bytes));
  out.positive.resize(positive);
  out.negative.resize(negative);
  return true;
}

double& CellOf(Histogram& histogram, std::size_t column) {
  if (column == 1) return histogram.count;
  if (column == 2) return histogram.zero_count;
  if (column == 3) return histogram.sum;
  column -= kFixedColumns;
  if (column < histogram.positive.size()) return histogram.positive[column];
  return histogram.negative[column - histogram.positive.size()];
}

double ValueOf(const Histogram& histogram, std::size_t column) {
  if (column == 0) return static_cast<double>(histogram.hint);
  return CellOf(const_cast<Histogram&>(histogram), column);  // Only read.
}

bool SetHint(double value, Histogram& histogram) {
  for (const ResetHint hint :
       {ResetHint::kUnknown, ResetHint::kReset, ResetHint::kNotReset, ResetHint::kGauge}) {
    if (value != static_cast<double>(hint)) continue;
    histogram.hint = hint;
    return true;
  }
  return false;
}

}  // namespace

bool SameHistogramLayout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && SameBits(a.zero_threshold, b.zero_threshold) &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         std::equal(a.custom_values.begin(), a.custom_values.end(), b.custom_values.begin(),
                    b.custom_values.end(), SameBits);
}

std::size_t HistogramsPerChunk(const Histogram& histogram, std::size_t rows_max) {
  return std::clamp<std::size_t>(kCellsMax / ColumnsOf(histogram), 1, rows_max);
}

std::string EncodeHistograms(std::span<const HistogramPoint> points, bool keep_orders) {
  OPS_CHECK(!points.empty() && points.size() <= kGroupRowsMax, "metrics: {} histograms in a chunk",
            points.size());
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> orders;
  for (const HistogramPoint& point : points) {
    times.push_back(point.time_ms);
    if (keep_orders) orders.push_back(point.order);
  }
  const Histogram& first = *points.front().histogram;
  GroupWriter group(times, orders);
  std::vector<double> values(points.size());
  ChunkHint hint = 0;
  const std::size_t columns = ColumnsOf(first);
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      OPS_DCHECK(ColumnsOf(*points[i].histogram) == columns, "metrics: histograms of two layouts");
      values[i] = ValueOf(*points[i].histogram, column);
    }
    group.AddDense(values, hint);
  }
  std::string out;
  PutLayout(first, out);
  out.append(group.Finish());
  return out;
}

bool DecodeHistograms(std::string_view bytes, std::int64_t from_ms, std::int64_t to_ms,
                      std::vector<HistogramPoint>& out) {
  Histogram layout;
  GroupReader group;
  if (!TakeLayout(bytes, layout) || !group.Open(bytes)) return false;
  if (group.columns() != ColumnsOf(layout)) return false;
  const std::vector<std::int64_t>& times = group.times();
  if (times.size() > HistogramsPerChunk(layout, kGroupRowsMax)) return false;
  const auto begin = static_cast<std::size_t>(
      std::lower_bound(times.begin(), times.end(), from_ms) - times.begin());
  const auto end =
      static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), to_ms) - times.begin());
  if (begin >= end) return true;
  std::vector<Histogram> histograms(end - begin, layout);
  GroupColumn values;
  for (std::size_t column = 0; column < group.columns(); ++column) {
    if (!group.Read(column, values) || !values.dense || values.count != times.size()) return false;
    for (std::size_t i = begin; i < end; ++i) {
      Histogram& histogram = histograms[i - begin];
      if (column > 0) {
        CellOf(histogram, column) = values.values[i];
      } else if (!SetHint(values.values[i], histogram)) {
        return false;
      }
    }
  }
  for (std::size_t i = begin; i < end; ++i) {
    out.push_back(
        {.time_ms = times[i],
         .order = group.orders().empty() ? 0 : group.orders()[i],
         .histogram = std::make_shared<const Histogram>(std::move(histograms[i - begin]))});
  }
  return true;
}

}  // namespace opssight
