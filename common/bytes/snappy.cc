#include "common/bytes/snappy.h"

#include <snappy.h>

#include <fmt/core.h>

namespace opssight {

std::string SnappyCompress(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

Status SnappyDecompress(std::string_view block, std::size_t bytes_max, std::string& out) {
  out.clear();
  std::size_t declared = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &declared)) {
    return Corrupt("snappy: corrupt input");
  }
  if (declared > bytes_max) {
    return Exhausted(fmt::format("snappy: the decoded block would have {} bytes, limit {}",
                                 declared, bytes_max));
  }
  out.resize(declared);
  if (!snappy::RawUncompress(block.data(), block.size(), out.data())) {
    out.clear();
    return Corrupt("snappy: corrupt input");
  }
  return {};
}

}  // namespace opssight
