#include "aggregator/store/logs/lines_read.h"

#include <algorithm>
#include <array>

#include "common/bytes/varint.h"

namespace opssight {

Result<LinesReader> LinesReader::Parse(std::string_view& directory, std::size_t& at,
                                       std::string_view sections,
                                       const std::vector<std::int64_t>& times_ns,
                                       DecodeBudget& budget) {
  LinesReader lines;
  lines.sections_ = sections;
  lines.times_ns_ = &times_ns;
  lines.budget_ = &budget;
  OPS_RETURN_IF_ERROR(lines.ParseShapes(directory, at));
  OPS_RETURN_IF_ERROR(lines.ParseColumns(directory, at));
  return lines;
}

Status LinesReader::ParseShapes(std::string_view& directory, std::size_t& at) {
  const auto count = GetVarint(directory);
  if (!count || *count == 0 || *count > kShapesMax) return BadLogBlock("shapes");
  for (std::uint64_t i = 0; i < *count; ++i) {
    LineShape shape;
    const auto values = GetVarint(directory);
    if (!values || *values == 0 || *values > kJsonValuesMax)
      return BadLogBlock("values of a shape");
    for (std::uint64_t j = 0; j <= *values; ++j) {
      const auto literal = GetString(directory);
      if (!literal) return BadLogBlock("short shape");
      shape.text.append(*literal);
      shape.ends.push_back(static_cast<std::uint32_t>(shape.text.size()));
    }
    for (std::uint64_t j = 0; j < *values; ++j) {
      const auto column = GetVarint(directory);
      if (!column || *column >= kColumnsMax) return BadLogBlock("column of a shape");
      const auto id = static_cast<std::uint32_t>(*column);
      if (std::find(shape.columns.begin(), shape.columns.end(), id) != shape.columns.end()) {
        return BadLogBlock("column twice in a shape");
      }
      shape.columns.push_back(id);
    }
    shapes_.push_back(std::move(shape));
  }
  if (shapes_.size() == 1) return {};
  OPS_TRY(const SectionRef section, GetSection(directory, at, sections_));
  OPS_TRY(ids_, OpenSection(section, sections_, *budget_));
  if (ids_.size() != rows()) return BadLogBlock("shapes of another number of rows");
  for (const char id : ids_) {
    if (static_cast<unsigned char>(id) >= shapes_.size()) return BadLogBlock("shape of a row");
  }
  return {};
}

Status LinesReader::ParseColumns(std::string_view& directory, std::size_t& at) {
  const auto count = GetVarint(directory);
  if (!count || *count > kColumnsMax) return BadLogBlock("columns");
  for (std::uint64_t i = 0; i < *count; ++i) {
    OPS_TRY(ColumnReader reader, ColumnReader::Parse(directory, at, sections_));
    columns_.push_back({.reader = std::move(reader),
                        .in_shape = std::vector<std::uint8_t>(shapes_.size()),
                        .position = {}});
  }
  std::array<std::size_t, kShapesMax> rows_of{};
  for (std::size_t row = 0; row < ids_.size(); ++row) ++rows_of[ShapeOf(row)];
  if (ids_.empty()) rows_of[0] = rows();
  std::vector<std::size_t> counts(columns_.size());
  for (std::size_t shape = 0; shape < shapes_.size(); ++shape) {
    for (const std::uint32_t column : shapes_[shape].columns) {
      if (column >= columns_.size()) return BadLogBlock("no such column");
      columns_[column].in_shape[shape] = 1;
      counts[column] += rows_of[shape];
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].reader.set_count(counts[i]);
  return {};
}

Status LinesReader::Load(Column& column) {
  if (column.reader.loaded()) return {};
  if (!column.reader.wants_times() || column.reader.count() == rows()) {
    return column.reader.Load(*times_ns_, *budget_);
  }
  OPS_RETURN_IF_ERROR(budget_->Charge(column.reader.count() * sizeof(std::int64_t)));
  std::vector<std::int64_t> times_ns;
  times_ns.reserve(column.reader.count());
  for (std::size_t row = 0; row < rows(); ++row) {
    if (column.in_shape[ShapeOf(row)] != 0) times_ns.push_back((*times_ns_)[row]);
  }
  return column.reader.Load(times_ns, *budget_);
}

// Which value of the column is a row's. Rows without it get the next one's number.
Status LinesReader::Locate(Column& column) {
  if (!column.position.empty() || column.reader.count() == rows()) return {};
  OPS_RETURN_IF_ERROR(budget_->Charge(rows() * sizeof(std::uint32_t)));
  column.position.reserve(rows());
  std::uint32_t next = 0;
  for (std::size_t row = 0; row < rows(); ++row) {
    column.position.push_back(next);
    if (column.in_shape[ShapeOf(row)] != 0) ++next;
  }
  return {};
}

Status LinesReader::Append(std::size_t row, std::size_t bytes_max, std::string& out) {
  const std::size_t start = out.size();
  const LineShape& shape = shapes_[ShapeOf(row)];
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    Column& column = columns_[shape.columns[i]];
    OPS_RETURN_IF_ERROR(Load(column));
    OPS_RETURN_IF_ERROR(Locate(column));
    out.append(shape.Literal(i));
    column.reader.Append(PositionOf(column, row), out);
    if (out.size() - start > bytes_max) return BadLogBlock("line over the limit");
  }
  out.append(shape.Literal(shape.columns.size()));
  return {};
}

}  // namespace opssight
