// The lines of a block read back from its columns, and which of them contain a text,
// found where possible without putting lines together: a text that stands in a line
// stands in a literal, in a value, or across both, and the shapes say which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/store/logs/column_read.h"
#include "aggregator/store/logs/line_shapes.h"
#include "aggregator/store/logs/section.h"
#include "common/base/result.h"

namespace opssight {

class LinesReader {
 public:
  // Takes shapes and columns off the directory. Sections, times_ns (of the rows) and
  // budget outlive it.
  static Result<LinesReader> Parse(std::string_view& directory, std::size_t& at,
                                   std::string_view sections,
                                   const std::vector<std::int64_t>& times_ns, DecodeBudget& budget);

  std::size_t rows() const { return times_ns_->size(); }
  // Appends the line of the row; kCorrupt when it is longer than bytes_max.
  Status Append(std::size_t row, std::size_t bytes_max, std::string& out);
  // contains[row] is not 0 for the rows whose line contains the text.
  Result<std::vector<std::uint8_t>> Contains(std::string_view text, std::size_t bytes_max);

 private:
  friend class TextPlaces;
  struct Column {
    ColumnReader reader;
    std::vector<std::uint8_t> in_shape;   // By shape: whether it has the column.
    std::vector<std::uint32_t> position;  // By row; empty: the row's own number.
  };

  Status ParseShapes(std::string_view& directory, std::size_t& at);
  Status ParseColumns(std::string_view& directory, std::size_t& at);
  Status Load(Column& column);
  Status Locate(Column& column);
  std::size_t PositionOf(const Column& column, std::size_t row) const {
    return column.position.empty() ? row : column.position[row];
  }
  std::uint8_t ShapeOf(std::size_t row) const {
    return ids_.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(ids_[row]);
  }

  std::string_view sections_;
  const std::vector<std::int64_t>* times_ns_ = nullptr;
  DecodeBudget* budget_ = nullptr;
  std::vector<LineShape> shapes_;
  std::string ids_;  // Of the rows' shapes; empty: all have the first.
  std::vector<Column> columns_;
};

}  // namespace opssight
