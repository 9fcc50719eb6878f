// A group: the rows of one target over some time, column by column. All columns share
// the rows' times; a column that is not in every row says in which it is. The same
// bytes stand in the head's memory and, inside blocks, on disk; the format is in
// README.md. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/metrics/chunk.h"

namespace opssight {

inline constexpr std::size_t kGroupRowsMax = kChunkSamplesMax;

class GroupWriter {
 public:
  // times ascending, equal ones allowed. orders: which of two rows came later, for rows
  // that may share a series and a time with another group; empty where none can.
  GroupWriter(std::span<const std::int64_t> times, std::span<const std::int64_t> orders);

  // The next column: a value for each row; for the rows at positions (ascending); none.
  void AddDense(std::span<const double> values, ChunkHint& hint);
  void AddSparse(std::span<const std::int64_t> positions, std::span<const double> values,
                 ChunkHint& hint);
  void AddNone();

  std::size_t columns() const { return columns_; }
  std::size_t bytes() const { return sizes_.size() + chunks_.size(); }
  std::string Finish() const;

 private:
  void EndColumn(std::size_t start, bool sparse);
  std::size_t rows_;
  bool has_orders_;
  std::string rows_bytes_;
  std::string sizes_;
  std::string chunks_;
  std::size_t columns_ = 0;
};

struct GroupColumn {
  std::size_t count = 0;  // Of values; 0: the column is in no row.
  bool dense = false;     // A value for each row; otherwise for the rows at positions.
  std::size_t first = 0;  // Dense: values[first, first + count) are those of these rows.
  std::array<double, kGroupRowsMax> values;
  std::array<std::int64_t, kGroupRowsMax> positions;
};

// Reads views of bytes that the caller keeps. Open again to use it for another group.
class GroupReader {
 public:
  bool Open(std::string_view bytes);  // False: these bytes are no group.
  // Read then leaves out what dense columns have beside [from_ms, to_ms].
  void Narrow(std::int64_t from_ms, std::int64_t to_ms);
  const std::vector<std::int64_t>& times() const { return times_; }
  const std::vector<std::int64_t>& orders() const { return orders_; }  // Empty: none.
  bool strictly_ascending() const { return strictly_ascending_; }      // The times.
  std::size_t columns() const { return ends_.size(); }
  // False: these bytes are no column. column < columns().
  bool Read(std::size_t column, GroupColumn& out) const;

 private:
  bool ReadRows(std::string_view& bytes, bool has_orders);
  std::string_view chunks_;
  std::vector<std::int64_t> times_;
  std::vector<std::int64_t> orders_;
  std::vector<std::uint32_t> ends_;  // In chunks_, times 2, + 1 for a sparse column.
  bool strictly_ascending_ = false;
  std::size_t first_row_ = 0;  // Those wanted: [first_row_, last_row_).
  std::size_t last_row_ = 0;
};

}  // namespace opssight
