// LinesReader::Contains: the places where a text can stand in the lines of a shape.
//
//   line   L0 v0 L1 v1 ... Ln     (L literals of the shape, v values)
//
// The text stands inside a literal (then in each line of the shape), inside a value,
// or across: it begins in a literal or with the end of a value, goes through whole
// literals and values, and ends in a literal or with the beginning of a value. Each
// way of laying it asks something of some values; a row contains the text when all
// that one way asks holds. Literals begin or end where few texts can follow, so ways
// are few; a text with too many is looked for in the lines themselves.
#include <algorithm>
#include <optional>

#include "aggregator/store/logs/lines_read.h"

namespace opssight {
namespace {

constexpr std::size_t kStepsMax = 20'000;
constexpr std::size_t kStepsOfRows = 100;  // Looking at the values of all rows.

}  // namespace

class TextPlaces {
 public:
  TextPlaces(LinesReader& lines, std::string_view text)
      : lines_(lines), text_(text), inside_(lines.columns_.size()), found_(lines.rows()) {}

  // False: too many ways.
  Result<bool> Run() {
    for (shape_ = 0; shape_ < lines_.shapes_.size(); ++shape_) {
      OPS_RETURN_IF_ERROR(InShape(lines_.shapes_[shape_]));
      if (steps_ > kStepsMax) return false;
    }
    return true;
  }
  std::vector<std::uint8_t> TakeFound() { return std::move(found_); }

 private:
  struct Condition {
    std::uint32_t column;
    ColumnTest test;
    std::string_view text;
  };

  Status InShape(const LineShape& shape) {
    for (std::size_t i = 0; i < shape.ends.size(); ++i) {
      if (shape.Literal(i).find(text_) == std::string_view::npos) continue;
      for (std::size_t row = 0; row < lines_.rows(); ++row) {
        if (lines_.ShapeOf(row) == shape_) found_[row] = 1;
      }
      return {};
    }
    for (std::size_t i = 0; i < shape.columns.size(); ++i) {
      OPS_RETURN_IF_ERROR(InsideValue(shape.columns[i]));
      OPS_RETURN_IF_ERROR(FromLiteral(shape, i));
      OPS_RETURN_IF_ERROR(FromValue(shape, i));
    }
    return {};
  }

  Status InsideValue(std::uint32_t id) {
    LinesReader::Column& column = lines_.columns_[id];
    if (!inside_[id].has_value()) {
      inside_[id].emplace();
      if (column.reader.MayPass(ColumnTest::kContains, text_)) {
        OPS_RETURN_IF_ERROR(lines_.Load(column));
        if (!column.reader.Match(ColumnTest::kContains, text_, *inside_[id])) inside_[id]->clear();
      }
    }
    if (inside_[id]->empty()) return {};
    OPS_RETURN_IF_ERROR(lines_.Locate(column));
    for (std::size_t row = 0; row < lines_.rows(); ++row) {
      if (lines_.ShapeOf(row) != shape_) continue;
      found_[row] |= (*inside_[id])[lines_.PositionOf(column, row)];
    }
    return {};
  }

  // The text begins in literal i and goes on in the value after it.
  Status FromLiteral(const LineShape& shape, std::size_t i) {
    const std::string_view literal = shape.Literal(i);
    const std::size_t longest = std::min(literal.size(), text_.size() - 1);
    for (std::size_t size = 1; size <= longest; ++size) {
      if (!literal.ends_with(text_.substr(0, size))) continue;
      OPS_RETURN_IF_ERROR(InValue(shape, i, size));
    }
    return {};
  }

  // The text begins with the end of value i and goes on in the literal after it.
  Status FromValue(const LineShape& shape, std::size_t i) {
    for (std::size_t size = 1; size < text_.size(); ++size) {
      conditions_.push_back(
          {.column = shape.columns[i], .test = ColumnTest::kEnds, .text = text_.substr(0, size)});
      OPS_RETURN_IF_ERROR(InLiteral(shape, i + 1, size));
      conditions_.pop_back();
    }
    return {};
  }

  // Literal i begins where `from` bytes of the text are behind, and there is more.
  Status InLiteral(const LineShape& shape, std::size_t i, std::size_t from) {
    if (++steps_ > kStepsMax) return {};
    const std::string_view literal = shape.Literal(i);
    const std::string_view rest = text_.substr(from);
    if (rest.size() <= literal.size()) {
      return literal.starts_with(rest) ? Evaluate() : Status();
    }
    if (i == shape.columns.size() || !rest.starts_with(literal)) return {};
    return InValue(shape, i, from + literal.size());
  }

  // Value i begins where `from` bytes of the text are behind, and there is more.
  Status InValue(const LineShape& shape, std::size_t i, std::size_t from) {
    if (++steps_ > kStepsMax) return {};
    const std::uint32_t column = shape.columns[i];
    conditions_.push_back(
        {.column = column, .test = ColumnTest::kBegins, .text = text_.substr(from)});
    OPS_RETURN_IF_ERROR(Evaluate());
    conditions_.back().test = ColumnTest::kEquals;
    for (std::size_t end = from; end < text_.size(); ++end) {
      conditions_.back().text = text_.substr(from, end - from);
      OPS_RETURN_IF_ERROR(InLiteral(shape, i + 1, end));
    }
    conditions_.pop_back();
    return {};
  }

  // Adds the rows of the shape for which all conditions hold.
  Status Evaluate() {
    for (const Condition& condition : conditions_) {
      if (!lines_.columns_[condition.column].reader.MayPass(condition.test, condition.text)) {
        return {};
      }
    }
    steps_ += kStepsOfRows;
    if (steps_ > kStepsMax) return {};
    std::vector<std::uint8_t> rows;
    std::vector<std::uint8_t> passed;
    for (const Condition& condition : conditions_) {
      LinesReader::Column& column = lines_.columns_[condition.column];
      OPS_RETURN_IF_ERROR(lines_.Load(column));
      if (!column.reader.Match(condition.test, condition.text, passed)) return {};
      OPS_RETURN_IF_ERROR(lines_.Locate(column));
      if (rows.empty()) rows.assign(lines_.rows(), 1);
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const bool here = lines_.ShapeOf(row) == shape_;
        rows[row] &= here ? passed[lines_.PositionOf(column, row)] : std::uint8_t{0};
      }
    }
    for (std::size_t row = 0; row < rows.size(); ++row) found_[row] |= rows[row];
    return {};
  }

  LinesReader& lines_;
  const std::string_view text_;
  std::size_t shape_ = 0;
  std::size_t steps_ = 0;
  std::vector<Condition> conditions_;
  // By column: which values contain the text; empty: none does.
  std::vector<std::optional<std::vector<std::uint8_t>>> inside_;
  std::vector<std::uint8_t> found_;
};

Result<std::vector<std::uint8_t>> LinesReader::Contains(std::string_view text,
                                                        std::size_t bytes_max) {
  if (text.empty()) return std::vector<std::uint8_t>(rows(), 1);
  TextPlaces places(*this, text);
  OPS_TRY(const bool all_ways, places.Run());
  if (all_ways) return places.TakeFound();
  std::vector<std::uint8_t> contains(rows());
  std::string line;
  for (std::size_t row = 0; row < rows(); ++row) {
    line.clear();
    OPS_RETURN_IF_ERROR(Append(row, bytes_max, line));
    contains[row] = line.find(text) != std::string::npos ? 1 : 0;
  }
  return contains;
}

}  // namespace opssight
