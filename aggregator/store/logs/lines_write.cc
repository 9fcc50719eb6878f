#include "aggregator/store/logs/lines_write.h"

#include <algorithm>
#include <vector>

#include "aggregator/store/logs/column_write.h"
#include "aggregator/store/logs/gram_filter.h"
#include "aggregator/store/logs/line_shapes.h"
#include "aggregator/store/logs/section.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

struct ColumnCells {
  std::vector<std::string_view> values;
  std::vector<std::uint32_t> rows;  // In which they stand.
};

// The rows' lines and shapes.
struct Rows {
  const LinesToWrite& lines;
  std::string ids;

  std::string_view Line(std::size_t row) const {
    const std::size_t start = row == 0 ? 0 : lines.ends[row - 1];
    return lines.text.substr(start, lines.ends[row] - start);
  }
  std::size_t Shape(std::size_t row) const { return static_cast<unsigned char>(ids[row]); }
};

constexpr std::size_t kOverlap = 3;  // A gram is one longer.

// The line from kOverlap bytes before `from` to as many past `to`.
std::string_view Around(std::string_view line, const char* from, const char* to) {
  const char* const begin =
      static_cast<std::size_t>(from - line.data()) < kOverlap ? line.data() : from - kOverlap;
  const char* const line_end = line.data() + line.size();
  const char* const end =
      static_cast<std::size_t>(line_end - to) < kOverlap ? line_end : to + kOverlap;
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Which of a small range of things have been seen.
class Seen {
 public:
  explicit Seen(std::size_t size) : bits_((size + 63) / 64) {}
  // True the first time.
  bool First(std::size_t i) {
    const std::uint64_t bit = 1ULL << (i % 64);
    if ((bits_[i / 64] & bit) != 0) return false;
    bits_[i / 64] |= bit;
    return true;
  }

 private:
  std::vector<std::uint64_t> bits_;
};

void AddRepeated(const Rows& rows, const ColumnCells& column, const EncodedColumn& encoded,
                 std::size_t shapes, GramFilterWriter& filter) {
  Seen seen(shapes * 256);
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    const std::size_t code = encoded.codes.empty() ? 0 : encoded.codes[i];
    if (!seen.First(rows.Shape(column.rows[i]) * 256U + code)) continue;
    const std::string_view value = column.values[i];
    filter.Add(Around(rows.Line(column.rows[i]), value.data(), value.data() + value.size()));
  }
}

void AddTexts(const Rows& rows, const ColumnCells& column, GramFilterWriter& filter) {
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    const std::string_view value = column.values[i];
    filter.Add(Around(rows.Line(column.rows[i]), value.data(), value.data() + value.size()));
  }
}

// The bytes that cores are made of, as 5 bits. The grams of a core with what stands
// around it hold at most two bytes of a core longer than that, for a third one leaves
// room for only one other byte, and such grams are not in the filter. So two bytes at
// each end say which grams there are.
std::size_t CoreByte(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::size_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::size_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::size_t>(c - 'A' + 16);
  constexpr std::string_view kOthers = ".:+-TZ";
  return 22 + std::min(kOthers.find(c), kOthers.size());
}

void AddCores(const Rows& rows, const ColumnCells& column, const EncodedColumn& encoded,
              std::size_t shapes, GramFilterWriter& filter) {
  constexpr std::size_t kPairs = 1UL << 10;
  enum : std::size_t { kFront, kBack, kWhole, kKinds };
  Seen seen(shapes * kKinds * kPairs);
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    const std::string_view value = column.values[i];
    const std::string_view line = rows.Line(column.rows[i]);
    const std::size_t base = rows.Shape(column.rows[i]) * kKinds * kPairs;
    const char* const begin = value.data();
    const char* const end = begin + value.size();
    const char* const core = begin + encoded.prefix;
    const char* const core_end = end - encoded.suffix;
    const auto size = static_cast<std::size_t>(core_end - core);
    if (size <= 2) {
      const std::size_t pair =
          size == 2 ? CoreByte(core[0]) << 5 | CoreByte(core[1]) : CoreByte(core[0]) << 5 | 31;
      if (seen.First(base + kWhole * kPairs + pair)) filter.Add(Around(line, begin, end));
      continue;
    }
    const std::size_t front = CoreByte(core[0]) << 5 | CoreByte(core[1]);
    const std::size_t back = CoreByte(core_end[-2]) << 5 | CoreByte(core_end[-1]);
    if (seen.First(base + kFront * kPairs + front)) {
      const std::string_view part = Around(line, begin, end);
      filter.Add(part.substr(0, static_cast<std::size_t>(core + 2 - part.data())));
    }
    if (seen.First(base + kBack * kPairs + back)) {
      const std::string_view part = Around(line, core_end - 2, end);
      filter.Add(part.substr(static_cast<std::size_t>(core_end - 2 - part.data())));
    }
    if (value.size() >= kIdRunMin) filter.AddIds(value);
  }
}

void AddToFilter(const Rows& rows, const ColumnCells& column, const EncodedColumn& encoded,
                 std::size_t shapes, GramFilterWriter& filter) {
  switch (encoded.kind) {
    case ColumnKind::kConst:
    case ColumnKind::kDictionary:
      return AddRepeated(rows, column, encoded, shapes, filter);
    case ColumnKind::kNumber:
    case ColumnKind::kHex:
      return AddCores(rows, column, encoded, shapes, filter);
    case ColumnKind::kText:
      return AddTexts(rows, column, filter);
  }
}

void PutShapes(const LineShapes& shapes, std::string_view ids, std::string& directory,
               std::string& sections) {
  PutVarint(directory, shapes.shapes().size());
  for (const LineShape& shape : shapes.shapes()) {
    PutVarint(directory, shape.columns.size());
    for (std::size_t i = 0; i < shape.ends.size(); ++i) PutString(directory, shape.Literal(i));
    for (const std::uint32_t column : shape.columns) PutVarint(directory, column);
  }
  if (shapes.shapes().size() > 1) PutSection(ids, true, directory, sections);
}

// The values of each column, in the order of rows.
std::vector<ColumnCells> Gather(const Rows& rows, const LineShapes& shapes,
                                const std::vector<ValueSpan>& spans) {
  std::vector<std::size_t> counts(shapes.columns());
  std::vector<std::size_t> of_shape(shapes.shapes().size());
  for (std::size_t row = 0; row < rows.ids.size(); ++row) ++of_shape[rows.Shape(row)];
  for (std::size_t shape = 0; shape < of_shape.size(); ++shape) {
    for (const std::uint32_t column : shapes.shapes()[shape].columns) {
      counts[column] += of_shape[shape];
    }
  }
  std::vector<ColumnCells> columns(shapes.columns());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].values.reserve(counts[i]);
    columns[i].rows.reserve(counts[i]);
  }
  auto span = spans.begin();
  for (std::size_t row = 0; row < rows.ids.size(); ++row) {
    const std::string_view line = rows.Line(row);
    for (const std::uint32_t column : shapes.shapes()[rows.Shape(row)].columns) {
      columns[column].values.push_back(line.substr(span->begin, span->end - span->begin));
      columns[column].rows.push_back(static_cast<std::uint32_t>(row));
      ++span;
    }
  }
  return columns;
}

}  // namespace

std::string WriteLines(const LinesToWrite& lines, std::string& directory, std::string& sections) {
  LineShapes shapes;
  Rows rows{.lines = lines, .ids = {}};
  std::vector<ValueSpan> spans;
  for (std::size_t row = 0; row < lines.ends.size(); ++row) {
    rows.ids.push_back(static_cast<char>(shapes.Split(rows.Line(row), spans)));
  }
  PutShapes(shapes, rows.ids, directory, sections);

  GramFilterWriter filter;
  for (const LineShape& shape : shapes.shapes()) {
    for (std::size_t i = 0; i < shape.ends.size(); ++i) filter.Add(shape.Literal(i));
  }
  PutVarint(directory, shapes.columns());
  for (const ColumnCells& column : Gather(rows, shapes, spans)) {
    const EncodedColumn encoded = EncodeColumn(
        column.values, {.rows = column.rows, .times_ns = lines.times_ns}, directory, sections);
    AddToFilter(rows, column, encoded, shapes.shapes().size(), filter);
  }
  constexpr std::size_t kFilterShare = 8;
  constexpr std::size_t kFilterMin = 64;
  return filter.Finish(std::max(sections.size() / kFilterShare, kFilterMin));
}

}  // namespace opssight
