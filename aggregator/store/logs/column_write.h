// A column of values to bytes: for each column of a block the encoding that its
// values allow, tried in this order.
//
//   const      all the same
//   dictionary up to 255 different ones
//   number     prefix, a number form, suffix (user_17, 12.5, 45ms, times)
//   hex        prefix, a hex form, suffix (uuids, trace ids, req_9f86d081)
//   text       anything: lengths, and the values back to back
//
// What is filled in for the filter says which parts of the lines repeat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace opssight {

enum class ColumnKind : std::uint8_t { kConst, kDictionary, kNumber, kHex, kText };
inline constexpr unsigned kColumnKinds = 5;
inline constexpr std::size_t kDictionaryMax = 255;

struct EncodedColumn {
  ColumnKind kind = ColumnKind::kText;
  std::vector<std::uint8_t> codes;  // kDictionary: of each value.
  std::size_t prefix = 0;           // kNumber, kHex: bytes before and after the core.
  std::size_t suffix = 0;
};

struct RowTimes {
  std::span<const std::uint32_t> rows;     // Of the values.
  std::span<const std::int64_t> times_ns;  // Of all rows.
};

// At least one value.
EncodedColumn EncodeColumn(std::span<const std::string_view> values, const RowTimes& times,
                           std::string& directory, std::string& columns);

// What a time in a line is stored as a difference from: the row's time in units of
// 10^-digits s.
inline std::int64_t RowTimeIn(std::int64_t time_ns, unsigned digits) {
  std::int64_t unit = 1;
  for (unsigned i = digits; i < 9; ++i) unit *= 10;
  return time_ns / unit - (time_ns % unit < 0 ? 1 : 0);
}

}  // namespace opssight
