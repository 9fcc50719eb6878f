#include "aggregator/store/rollup/rollup_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/metrics/chunk.h"
#include "common/base/check.h"
#include "common/bytes/endian.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr std::string_view kMagic = "ORB1";

// The byte before a series' columns: which of them are another's copy, or nothing.
constexpr unsigned kFirstIsLast = 1U << 0;
constexpr unsigned kMinIsFirst = 1U << 1;
constexpr unsigned kMinIsLast = 1U << 2;
constexpr unsigned kMaxIsFirst = 1U << 3;
constexpr unsigned kMaxIsLast = 1U << 4;
constexpr unsigned kHasResets = 1U << 5;
constexpr unsigned kEachChanges = 1U << 6;  // Each sample differs from the one before.
constexpr unsigned kHasChanges = 1U << 7;   // A column of their numbers.

using Doubles = std::array<double, kChunkSamplesMax>;
using Ints = std::array<std::int64_t, kIntsMax>;
using Field = double TimeBucket::*;
using Count = std::uint64_t TimeBucket::*;

// The buckets that hold values.
std::vector<const TimeBucket*> Filled(const DayBuckets& buckets) {
  std::vector<const TimeBucket*> out;
  for (const DayBucket& one : buckets) {
    if (one.bucket.count != 0) out.push_back(&one.bucket);
  }
  return out;
}

bool AreSame(const std::vector<const TimeBucket*>& buckets, Field a, Field b) {
  return std::all_of(buckets.begin(), buckets.end(), [&](const TimeBucket* bucket) {
    return std::bit_cast<std::uint64_t>(bucket->*a) == std::bit_cast<std::uint64_t>(bucket->*b);
  });
}

template <class Of>
void PutInts(const DayBuckets& buckets, Of&& of, std::string& out) {
  Ints ints;
  std::size_t count = 0;
  for (const DayBucket& one : buckets) ints[count++] = static_cast<std::int64_t>(of(one));
  EncodeInts(std::span(ints).first(count), out);
}

std::string EncodeShape(DayNumber day, std::int64_t resolution_ms, const DayBuckets& buckets) {
  OPS_CHECK(buckets.size() <= kIntsMax, "rollup: {} buckets in a day", buckets.size());
  std::string out;
  PutVarint(out, buckets.size());
  const auto end_of = [&](const DayBucket& one) {
    return EndOfBucket(day, resolution_ms, one.number);
  };
  const auto none = [](const DayBucket& one) { return one.bucket.count == 0; };
  PutInts(
      buckets, [](const DayBucket& one) { return one.number; }, out);
  PutInts(
      buckets, [](const DayBucket& one) { return one.bucket.count; }, out);
  PutInts(
      buckets,
      [&](const DayBucket& one) { return none(one) ? 0 : end_of(one) - one.bucket.first_ms; }, out);
  PutInts(
      buckets,
      [&](const DayBucket& one) { return none(one) ? 0 : end_of(one) - one.bucket.last_ms; }, out);
  PutInts(
      buckets, [](const DayBucket& one) { return one.bucket.stale ? 1 : 0; }, out);
  return out;
}

// A column of values behind its size.
class ColumnWriter {
 public:
  ColumnWriter(const std::vector<const TimeBucket*>& buckets, std::string& out)
      : buckets_(buckets), out_(out) {}

  void Put(Field field) {
    Doubles values;
    for (std::size_t i = 0; i < buckets_.size(); ++i) values[i] = buckets_[i]->*field;
    ChunkHint hint = 0;
    column_.clear();
    EncodeChunk(std::span(values).first(buckets_.size()), hint, column_);
    PutString(out_, column_);
  }
  void Put(Count field) {
    Ints values;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      values[i] = static_cast<std::int64_t>(buckets_[i]->*field);
    }
    column_.clear();
    EncodeInts(std::span(values).first(buckets_.size()), column_);
    PutString(out_, column_);
  }

 private:
  const std::vector<const TimeBucket*>& buckets_;
  std::string& out_;
  std::string column_;
};

unsigned FlagsOf(const std::vector<const TimeBucket*>& buckets) {
  unsigned flags = 0;
  const auto same = [&](Field a, Field b, unsigned flag) {
    if (!AreSame(buckets, a, b)) return false;
    flags |= flag;
    return true;
  };
  same(&TimeBucket::first, &TimeBucket::last, kFirstIsLast);
  if (!same(&TimeBucket::min, &TimeBucket::first, kMinIsFirst)) {
    same(&TimeBucket::min, &TimeBucket::last, kMinIsLast);
  }
  if (!same(&TimeBucket::max, &TimeBucket::last, kMaxIsLast)) {
    same(&TimeBucket::max, &TimeBucket::first, kMaxIsFirst);
  }
  bool each = true;
  bool any = false;
  for (const TimeBucket* bucket : buckets) {
    if (bucket->resets != 0) flags |= kHasResets;
    any = any || bucket->changes != 0;
    each = each && bucket->changes == bucket->count - 1;
  }
  if (any) flags |= each ? kEachChanges : kHasChanges;
  return flags;
}

std::string EncodeValues(const DayBuckets& buckets) {
  const std::vector<const TimeBucket*> filled = Filled(buckets);
  std::string out;
  if (filled.empty()) {
    out.push_back(0);
    return out;
  }
  const unsigned flags = FlagsOf(filled);
  out.push_back(static_cast<char>(flags));
  ColumnWriter columns(filled, out);
  columns.Put(&TimeBucket::last);
  if ((flags & kFirstIsLast) == 0) columns.Put(&TimeBucket::first);
  if ((flags & (kMinIsFirst | kMinIsLast)) == 0) columns.Put(&TimeBucket::min);
  if ((flags & (kMaxIsFirst | kMaxIsLast)) == 0) columns.Put(&TimeBucket::max);
  columns.Put(&TimeBucket::sum);
  if ((flags & kHasResets) != 0) {
    columns.Put(&TimeBucket::resets);
    columns.Put(&TimeBucket::carry);
  }
  if ((flags & kHasChanges) != 0) columns.Put(&TimeBucket::changes);
  return out;
}

bool DecodeShape(std::string_view bytes, std::int64_t day_ms, std::int64_t resolution_ms,
                 DayBuckets& out) {
  const auto size = GetVarint(bytes);
  if (!size || *size > kIntsMax) return false;
  const auto count = static_cast<std::size_t>(*size);
  std::array<Ints, 5> columns;
  for (Ints& column : columns) {
    if (!DecodeInts(bytes, std::span(column).first(count))) return false;
  }
  const auto& [numbers, counts, firsts, lasts, stales] = columns;
  out.clear();
  std::int64_t before = -1;
  for (std::size_t i = 0; i < count; ++i) {
    if (numbers[i] <= before || numbers[i] > kMsPerDay / resolution_ms) return false;
    before = numbers[i];
    if (counts[i] < 0 || stales[i] < 0 || stales[i] > 1) return false;
    if (lasts[i] < 0 || firsts[i] < lasts[i] || firsts[i] >= resolution_ms) return false;
    const std::int64_t end_ms = day_ms + numbers[i] * resolution_ms;
    DayBucket one = {.number = static_cast<std::uint32_t>(numbers[i]), .bucket = {}};
    one.bucket.count = static_cast<std::uint64_t>(counts[i]);
    one.bucket.first_ms = end_ms - firsts[i];
    one.bucket.last_ms = end_ms - lasts[i];
    one.bucket.stale = stales[i] == 1;
    if (one.bucket.count == 0 && !one.bucket.stale) return false;
    out.push_back(one);
  }
  return bytes.empty();
}

// The columns of one series, read in the order in which they stand.
class ColumnReader {
 public:
  ColumnReader(std::string_view bytes, DayBuckets& buckets) : bytes_(bytes), buckets_(buckets) {
    for (const DayBucket& one : buckets) filled_ += one.bucket.count != 0 ? 1 : 0;
  }

  bool ReadAll(const BucketParts& parts) {
    if (bytes_.empty()) return false;
    flags_ = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    if (filled_ == 0) return bytes_.empty();
    const bool min_wants_first = parts.min && Has(kMinIsFirst);
    const bool max_wants_first = parts.max && Has(kMaxIsFirst);
    const bool first = parts.first || min_wants_first || max_wants_first;
    const bool last = parts.last || (first && Has(kFirstIsLast)) ||
                      (parts.min && Has(kMinIsLast)) || (parts.max && Has(kMaxIsLast));
    if (!Get(&TimeBucket::last, last)) return false;
    if (!GetOr(kFirstIsLast, &TimeBucket::last, &TimeBucket::first, first)) return false;
    if (!GetEnd(kMinIsFirst, kMinIsLast, &TimeBucket::min, parts.min) ||
        !GetEnd(kMaxIsFirst, kMaxIsLast, &TimeBucket::max, parts.max) ||
        !Get(&TimeBucket::sum, parts.sum)) {
      return false;
    }
    if (Has(kHasResets) &&
        (!GetCounts(&TimeBucket::resets, parts.carry) || !Get(&TimeBucket::carry, parts.carry))) {
      return false;
    }
    return GetChanges(parts.changes) && bytes_.empty();
  }

 private:
  bool Has(unsigned flag) const { return (flags_ & flag) != 0; }

  template <class Set>
  void ForFilled(Set&& set) {
    std::size_t i = 0;
    for (DayBucket& one : buckets_) {
      if (one.bucket.count != 0) set(one.bucket, i++);
    }
  }
  bool Get(Field field, bool wanted) {
    const auto column = GetString(bytes_);
    if (!column) return false;
    if (!wanted) return true;
    Doubles values;
    if (!DecodeChunk(*column, std::span(values).first(filled_))) return false;
    ForFilled([&](TimeBucket& bucket, std::size_t i) { bucket.*field = values[i]; });
    return true;
  }
  bool GetCounts(Count field, bool wanted) {
    auto column = GetString(bytes_);
    if (!column) return false;
    if (!wanted) return true;
    Ints values;
    if (!DecodeInts(*column, std::span(values).first(filled_)) || !column->empty()) return false;
    ForFilled([&](TimeBucket& bucket, std::size_t i) {
      bucket.*field = static_cast<std::uint64_t>(values[i]);
    });
    return true;
  }
  void Copy(Field from, Field to) {
    ForFilled([&](TimeBucket& bucket, std::size_t) { bucket.*to = bucket.*from; });
  }
  bool GetOr(unsigned copies, Field of, Field field, bool wanted) {
    if (!Has(copies)) return Get(field, wanted);
    if (wanted) Copy(of, field);
    return true;
  }
  bool GetEnd(unsigned is_first, unsigned is_last, Field field, bool wanted) {
    if (Has(is_first)) return GetOr(is_first, &TimeBucket::first, field, wanted);
    return GetOr(is_last, &TimeBucket::last, field, wanted);
  }
  bool GetChanges(bool wanted) {
    if (Has(kHasChanges)) return GetCounts(&TimeBucket::changes, wanted);
    if (Has(kEachChanges)) {
      ForFilled([](TimeBucket& bucket, std::size_t) { bucket.changes = bucket.count - 1; });
    }
    return true;
  }

  std::string_view bytes_;
  DayBuckets& buckets_;
  std::size_t filled_ = 0;
  unsigned flags_ = 0;
};

}  // namespace

EncodedBuckets EncodeBuckets(DayNumber day, std::int64_t resolution_ms, const DayBuckets& buckets) {
  return {.shape = EncodeShape(day, resolution_ms, buckets), .values = EncodeValues(buckets)};
}

bool DecodeBuckets(DayNumber day, std::int64_t resolution_ms, std::string_view shape,
                   std::string_view values, DayBuckets& out) {
  return DecodeShape(shape, day * kMsPerDay, resolution_ms, out) &&
         ColumnReader(values, out).ReadAll(kAllBucketParts);
}

void RollupBlockWriter::Add(std::string_view shape, std::string_view values) {
  OPS_CHECK(series_ < kRollupSeriesMax, "rollup: more than {} series in a block", series_);
  ++series_;
  std::size_t number = 0;
  if (!values.empty()) {
    const auto found = std::find(shapes_.rbegin(), shapes_.rend(), shape);
    number = static_cast<std::size_t>(shapes_.rend() - found);
    if (number == 0) {
      shapes_.push_back(shape);
      number = shapes_.size();
    }
  }
  PutVarint(directory_, number);
  PutVarint(directory_, values.size());
  values_ += values;
}

std::string RollupBlockWriter::Finish() const {
  std::string head;
  PutLe(head, list_.high);
  PutLe(head, list_.low);
  PutVarint(head, series_);
  PutVarint(head, shapes_.size());
  std::string columns;
  for (const std::string_view shape : shapes_) PutString(columns, shape);
  columns += directory_;
  columns += values_;
  return WrapBlock(kMagic, head, columns);
}

Result<Hash128> RollupBlock::ListOf(std::string_view bytes) {
  OPS_TRY(std::string_view head, OpenBlockHead(kMagic, bytes));
  const auto high = GetLe<std::uint64_t>(head);
  const auto low = GetLe<std::uint64_t>(head);
  if (!high || !low) return Corrupt("block ORB1: its head is short");
  return Hash128{.high = *high, .low = *low};
}

Result<RollupBlock> RollupBlock::Open(std::string_view bytes, DayNumber day,
                                      std::int64_t resolution_ms) {
  const auto bad = [] { return Corrupt("block ORB1: its parts do not fit"); };
  OPS_TRY(BlockParts parts, OpenBlock(kMagic, bytes));
  RollupBlock block;
  block.day_ms_ = day * kMsPerDay;
  block.resolution_ms_ = resolution_ms;
  const auto high = GetLe<std::uint64_t>(parts.head);
  const auto low = GetLe<std::uint64_t>(parts.head);
  const auto series = GetVarint(parts.head);
  const auto shapes = GetVarint(parts.head);
  if (!high || !low || !series || !shapes || *series > kRollupSeriesMax || *shapes > *series) {
    return bad();
  }
  block.list_ = {.high = *high, .low = *low};
  for (std::uint64_t i = 0; i < *shapes; ++i) {
    const auto shape = GetString(parts.columns);
    if (!shape) return bad();
    block.shapes_.push_back(*shape);
  }
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t i = 0; i < *series; ++i) {
    const auto shape = GetVarint(parts.columns);
    const auto size = GetVarint(parts.columns);
    if (!shape || !size || *shape > *shapes) return bad();
    block.series_.push_back({.shape = static_cast<std::size_t>(*shape), .values = {}});
    sizes.push_back(*size);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > parts.columns.size()) return bad();
    block.series_[i].values = parts.columns.substr(0, sizes[i]);
    parts.columns.remove_prefix(sizes[i]);
  }
  if (!parts.columns.empty()) return bad();
  return block;
}

bool RollupBlock::Read(std::size_t i, const BucketParts& parts, DayBuckets& out) {
  const Directory& series = series_[i];
  if (series.shape == 0) return false;
  if (std::exchange(read_shape_, series.shape) != series.shape &&
      !DecodeShape(shapes_[series.shape - 1], day_ms_, resolution_ms_, shape_)) {
    read_shape_ = 0;
    return false;
  }
  out = shape_;
  return ColumnReader(series.values, out).ReadAll(parts);
}

}  // namespace opssight
