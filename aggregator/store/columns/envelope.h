// The envelope of every block in a day environment: what it is, a checksum, and
// a head that is read alone.
//
//   magic     4 B    "OLB1" log block, "OSB1" span block
//   checksum  8 B    XXH3-64 of all that follows, little-endian
//   head size 4 B    little-endian
//   head      as the format says
//   columns   the rest
//
// A bad block is kCorrupt: the caller skips and counts it, and goes on.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

std::string WrapBlock(std::string_view magic, std::string_view head, std::string_view columns);

// Views into the block, whose checksum held.
struct BlockParts {
  std::string_view head;
  std::string_view columns;
};
Result<BlockParts> OpenBlock(std::string_view magic, std::string_view block);

}  // namespace opssight
