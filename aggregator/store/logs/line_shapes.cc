#include "aggregator/store/logs/line_shapes.h"

#include <utility>

#include "common/bytes/hash.h"

namespace opssight {
namespace {

// The literals around the values. columns are left empty.
LineShape ShapeOf(std::string_view line, const std::vector<JsonValue>& values) {
  LineShape shape;
  std::size_t at = 0;
  for (const JsonValue& value : values) {
    shape.text.append(line.substr(at, value.begin - at));
    shape.ends.push_back(static_cast<std::uint32_t>(shape.text.size()));
    at = value.end;
  }
  shape.text.append(line.substr(at));
  shape.ends.push_back(static_cast<std::uint32_t>(shape.text.size()));
  return shape;
}

std::uint64_t HashOf(const LineShape& shape) {
  const std::string_view ends(reinterpret_cast<const char*>(shape.ends.data()),
                              shape.ends.size() * sizeof shape.ends[0]);
  return Hash64(shape.text, Hash64(ends));
}

// A path twice in a line is two columns.
void MakePathsUnique(std::vector<JsonValue>& values) {
  for (std::size_t i = 1; i < values.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (values[i].path != values[j].path) continue;
      values[i].path = values[i].path * 0x9e3779b97f4a7c15ULL + 1;
      j = static_cast<std::size_t>(-1);  // From the start: it may meet another now.
    }
  }
}

}  // namespace

std::uint8_t LineShapes::Split(std::string_view line, std::vector<ValueSpan>& values) {
  const std::size_t before = values.size();
  for (std::size_t i = 0; i < recents_; ++i) {
    const std::uint8_t id = recent_[i];
    if (id != plain_ && Fits(shapes_[id], line, values)) {
      Remember(id);
      return id;
    }
    values.resize(before);
  }
  if (!SplitJson(line, split_)) return Plain(line, values);
  LineShape shape = ShapeOf(line, split_);
  const std::uint64_t hash = HashOf(shape);
  auto [it, last] = by_hash_.equal_range(hash);
  while (it != last &&
         (shapes_[it->second].text != shape.text || shapes_[it->second].ends != shape.ends)) {
    ++it;
  }
  std::uint8_t id = 0;
  if (it != last) {
    id = it->second;
  } else {
    if (!Add(shape, hash)) return Plain(line, values);
    id = static_cast<std::uint8_t>(shapes_.size() - 1);
  }
  for (const JsonValue& value : split_) values.push_back({.begin = value.begin, .end = value.end});
  Remember(id);
  return id;
}

// The same values that SplitJson would find, at the cost of comparing the literals.
bool LineShapes::Fits(const LineShape& shape, std::string_view line,
                      std::vector<ValueSpan>& values) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const std::string_view literal = shape.Literal(i);
    if (!line.substr(at).starts_with(literal)) return false;
    at += literal.size();
    const bool quoted = literal.back() == '"';
    const std::size_t end = quoted ? StringEnd(line, at) : BareEnd(line, at);
    if (end == std::string_view::npos) return false;
    values.push_back(
        {.begin = static_cast<std::uint32_t>(at), .end = static_cast<std::uint32_t>(end)});
    at = end;
  }
  return line.substr(at) == shape.Literal(shape.columns.size());
}

std::uint8_t LineShapes::Plain(std::string_view line, std::vector<ValueSpan>& values) {
  if (plain_ < 0) {
    plain_ = static_cast<int>(shapes_.size());
    shapes_.push_back({.text = "", .ends = {0, 0}, .columns = {columns_++}});
  }
  values.push_back({.begin = 0, .end = static_cast<std::uint32_t>(line.size())});
  return static_cast<std::uint8_t>(plain_);
}

bool LineShapes::Add(const LineShape& shape, std::uint64_t hash) {
  // One shape and one column are kept for plain lines.
  if (shapes_.size() + 1 >= kShapesMax) return false;
  if (columns_ + split_.size() + 1 >= kColumnsMax) return false;
  MakePathsUnique(split_);
  shapes_.push_back(shape);
  for (const JsonValue& value : split_) {
    const auto [column, added] = column_of_path_.try_emplace(value.path, columns_);
    if (added) ++columns_;
    shapes_.back().columns.push_back(column->second);
  }
  by_hash_.emplace(hash, static_cast<std::uint8_t>(shapes_.size() - 1));
  return true;
}

void LineShapes::Remember(std::uint8_t shape) {
  std::uint8_t moved = shape;  // Each takes the place of the next one up to its own.
  for (std::size_t i = 0; i < recents_; ++i) {
    std::swap(moved, recent_[i]);
    if (moved == shape) return;
  }
  if (recents_ < recent_.size()) recent_[recents_++] = moved;
}

}  // namespace opssight
