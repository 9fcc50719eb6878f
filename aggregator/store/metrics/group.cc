#include "aggregator/store/metrics/group.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

constexpr char kHasOrders = 1;
constexpr std::size_t kChunksMax = 1UL << 30;

}  // namespace

GroupWriter::GroupWriter(std::span<const std::int64_t> times, std::span<const std::int64_t> orders)
    : rows_(times.size()), has_orders_(!orders.empty()) {
  OPS_CHECK(rows_ > 0 && rows_ <= kGroupRowsMax && (orders.empty() || orders.size() == rows_),
            "group of {} rows", rows_);
  EncodeInts(times, rows_bytes_);
  EncodeInts(orders, rows_bytes_);
}

void GroupWriter::EndColumn(std::size_t start, bool sparse) {
  PutVarint(sizes_, (chunks_.size() - start) << 1 | (sparse ? 1 : 0));
  ++columns_;
}

void GroupWriter::AddDense(std::span<const double> values, ChunkHint& hint) {
  OPS_CHECK(values.size() == rows_, "group: {} values in {} rows", values.size(), rows_);
  const std::size_t start = chunks_.size();
  EncodeChunk(values, hint, chunks_);
  EndColumn(start, false);
}

void GroupWriter::AddSparse(std::span<const std::int64_t> positions, std::span<const double> values,
                            ChunkHint& hint) {
  OPS_CHECK(!values.empty() && positions.size() == values.size(), "group: {} values at {} rows",
            values.size(), positions.size());
  const std::size_t start = chunks_.size();
  PutVarint(chunks_, values.size());
  EncodeInts(positions, chunks_);
  EncodeChunk(values, hint, chunks_);
  EndColumn(start, true);
}

void GroupWriter::AddNone() {
  EndColumn(chunks_.size(), false);
}

std::string GroupWriter::Finish() const {
  std::string out;
  out.reserve(rows_bytes_.size() + sizes_.size() + chunks_.size() + 8);
  PutVarint(out, rows_);
  PutVarint(out, columns_);
  out.push_back(has_orders_ ? kHasOrders : 0);
  return out.append(rows_bytes_).append(sizes_).append(chunks_);
}

bool GroupReader::ReadRows(std::string_view& bytes, bool has_orders) {
  if (!DecodeInts(bytes, times_)) return false;
  if (has_orders && !DecodeInts(bytes, orders_)) return false;
  strictly_ascending_ = true;
  for (std::size_t i = 1; i < times_.size(); ++i) {
    if (times_[i] < times_[i - 1]) return false;
    if (times_[i] == times_[i - 1]) strictly_ascending_ = false;
  }
  return true;
}

bool GroupReader::Open(std::string_view bytes) {
  const auto rows = GetVarint(bytes);
  const auto columns = GetVarint(bytes);
  if (!rows || !columns || *rows == 0 || *rows > kGroupRowsMax || bytes.empty()) return false;
  if (*columns > bytes.size()) return false;  // Each takes a byte at least.
  const bool has_orders = bytes.front() == kHasOrders;
  bytes.remove_prefix(1);
  times_.resize(*rows);
  orders_.resize(has_orders ? *rows : 0);
  if (!ReadRows(bytes, has_orders)) return false;
  ends_.resize(*columns);
  std::size_t end = 0;
  for (std::uint32_t& entry : ends_) {
    const auto size = GetVarint(bytes);
    if (!size || *size / 2 > kChunksMax - end) return false;
    end += *size / 2;
    entry = static_cast<std::uint32_t>(end << 1 | (*size & 1));
  }
  if (end != bytes.size()) return false;
  chunks_ = bytes;
  first_row_ = 0;
  last_row_ = times_.size();
  return true;
}

void GroupReader::Narrow(std::int64_t from_ms, std::int64_t to_ms) {
  const auto begin = times_.begin();
  first_row_ = static_cast<std::size_t>(std::lower_bound(begin, times_.end(), from_ms) - begin);
  last_row_ = static_cast<std::size_t>(std::upper_bound(begin, times_.end(), to_ms) - begin);
  last_row_ = std::max(first_row_, last_row_);
}

bool GroupReader::Read(std::size_t column, GroupColumn& out) const {
  const std::size_t start = column == 0 ? 0 : ends_[column - 1] >> 1;
  std::string_view bytes = chunks_.substr(start, (ends_[column] >> 1) - start);
  out.dense = (ends_[column] & 1) == 0;
  out.count = 0;
  out.first = 0;
  if (bytes.empty()) return true;
  if (out.dense) {
    out.first = first_row_;
    out.count = last_row_ - first_row_;
    return DecodeChunk(bytes, std::span(out.values).first(times_.size()), first_row_, last_row_);
  }
  const auto count = GetVarint(bytes);
  if (!count || *count == 0 || *count > times_.size()) return false;
  out.count = *count;
  const std::span<std::int64_t> positions = std::span(out.positions).first(out.count);
  if (!DecodeInts(bytes, positions)) return false;
  std::int64_t last = -1;
  for (const std::int64_t position : positions) {
    if (position <= last || position >= static_cast<std::int64_t>(times_.size())) return false;
    last = position;
  }
  return DecodeChunk(bytes, std::span(out.values).first(out.count));
}

}  // namespace opssight
