// Snappy's block format (google/snappy, format_description.txt), which Prometheus and
// Loki clients send. The size that a block declares is checked before memory is taken,
// so a bomb costs nothing. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace opssight {

std::string SnappyCompress(std::string_view bytes);
// Replaces out; its capacity stays for the next block. kCorrupt for bad bytes, kExhausted
// for a declared size above bytes_max; out is empty then.
Status SnappyDecompress(std::string_view block, std::size_t bytes_max, std::string& out);

}  // namespace opssight
