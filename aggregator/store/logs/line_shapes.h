// The shapes of a block's lines: what stands between the values of a line, kept once
// for all lines that have it. Values with the same path of keys go to the same column,
// whatever the shape. A line that is no JSON object, or whose shape would be one too
// many, has the plain shape: one value, the whole line, nothing around it.
// One block's own, while it is written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "aggregator/store/logs/json_split.h"

namespace opssight {

inline constexpr std::size_t kShapesMax = 255;  // Ids are bytes.
inline constexpr std::size_t kColumnsMax = 512;

struct LineShape {
  std::string text;                    // The literals back to back: one more than values.
  std::vector<std::uint32_t> ends;     // Of the literals, in text.
  std::vector<std::uint32_t> columns;  // Of the values.

  std::string_view Literal(std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(start, ends[i] - start);
  }
};

struct ValueSpan {
  std::uint32_t begin;
  std::uint32_t end;
};

class LineShapes {
 public:
  // The line's shape; appends where its values stand, one for each of its columns.
  std::uint8_t Split(std::string_view line, std::vector<ValueSpan>& values);

  const std::vector<LineShape>& shapes() const { return shapes_; }
  std::size_t columns() const { return columns_; }

 private:
  bool Fits(const LineShape& shape, std::string_view line, std::vector<ValueSpan>& values) const;
  std::uint8_t Plain(std::string_view line, std::vector<ValueSpan>& values);
  // Nothing when there is no room for it.
  bool Add(const LineShape& shape, std::uint64_t hash);
  void Remember(std::uint8_t shape);

  std::vector<LineShape> shapes_;
  std::unordered_multimap<std::uint64_t, std::uint8_t> by_hash_;
  std::unordered_map<std::uint64_t, std::uint32_t> column_of_path_;
  std::uint32_t columns_ = 0;
  int plain_ = -1;
  std::array<std::uint8_t, 4> recent_{};  // Latest first.
  std::size_t recents_ = 0;
  std::vector<JsonValue> split_;
};

}  // namespace opssight
