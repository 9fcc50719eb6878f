// The envelope of every block in a day environment: what it is, checksums, and
// a head that is read, and checked, without touching the rest.
//
//   magic             4 B   "OLB1" log block, "OSB1" span block, "OMB1" metric block
//   head size         4 B   little-endian
//   head checksum     8 B   XXH3-64 of the head, seeded with its size, little-endian
//   columns checksum  8 B   XXH3-64 of the columns, seeded with the head's checksum
//   head              as the format says
//   columns           the rest
//
// A bad block is kCorrupt: the caller skips and counts it, and goes on.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

std::string WrapBlock(std::string_view magic, std::string_view head, std::string_view columns);

// A view of the head, whose checksum held. The columns are not looked at.
Result<std::string_view> OpenBlockHead(std::string_view magic, std::string_view block);

// Views into the block, both of whose checksums held.
struct BlockParts {
  std::string_view head;
  std::string_view columns;
};
Result<BlockParts> OpenBlock(std::string_view magic, std::string_view block);

}  // namespace opssight
