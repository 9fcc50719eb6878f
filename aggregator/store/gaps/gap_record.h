// A gap as the bytes of one value:
//
//   u64 LE  XXH3-64 of the rest
//   u8      signal (0 metrics, 1 logs, 2 spans)
//   i64 LE  from ns, i64 LE to ns, u64 LE count
//   varint  length and bytes: stream, then reason
//
// Streams and reasons are cut to text_bytes_max on writing; they come from agents.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/record.h"

namespace opssight {

inline constexpr std::size_t kGapTextBytesMax = 1024;  // Of stream and reason each.

std::string EncodeGap(const Gap& gap);
Result<Gap> DecodeGap(std::string_view bytes);

}  // namespace opssight
