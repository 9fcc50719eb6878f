// GzReader reads a gzip file at ascending offsets of its uncompressed bytes. The last
// bytes read are kept, so that a read may begin a little before where the last one
// ended; going back further starts over. Owns a duplicate of the descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <zlib.h>

namespace opssight {

class GzReader {
 public:
  enum class Read : std::uint8_t { kBytes, kEnd, kMore, kError };

  // Null where zlib cannot open it.
  static std::unique_ptr<GzReader> Open(int fd);
  ~GzReader();
  GzReader(const GzReader&) = delete;
  GzReader& operator=(const GzReader&) = delete;

  // Up to `size` bytes from offset. kMore: skipped 4 MiB towards it, ask again.
  Read ReadAt(std::uint64_t offset, char* to, std::size_t size, std::size_t* got);

  // Damaged, or cut off: what was read is all there is.
  bool failed() const { return failed_; }

 private:
  explicit GzReader(gzFile file) : file_(file) {}

  gzFile file_;
  std::uint64_t at_ = 0;  // Uncompressed bytes taken from zlib.
  std::string kept_;      // The last of them.
  bool failed_ = false;
};

}  // namespace opssight
