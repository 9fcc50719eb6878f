// The pieces a log block is made of. A section is a run of bytes with a checksum of
// its own, compressed where that makes it smaller, so that a query opens only what it
// needs; a directory entry says how long it is. Runs of integers have one form
// (EncodeRun) for times, lengths and numbers. All arithmetic is modulo 2^64.
//
// Reading: bytes are foreign. Whatever is decoded is charged to a budget first, so
// that a small block cannot ask for much memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace opssight {

Error BadLogBlock(std::string_view what);

class DecodeBudget {
 public:
  explicit DecodeBudget(std::size_t bytes) : left_(bytes) {}
  // kCorrupt when that is more than is left.
  Status Charge(std::uint64_t bytes);
  std::size_t left() const { return left_; }

 private:
  std::size_t left_;
};

// Where a section stands among the columns of its block.
struct SectionRef {
  std::size_t at = 0;
  std::size_t size = 0;
  std::uint32_t checksum = 0;
  bool compressed = false;
};

// Appends bytes to columns as a section and its entry to directory.
void PutSection(std::string_view bytes, bool try_compress, std::string& directory,
                std::string& columns);
// Takes an entry off the directory. Sections follow each other: at moves on.
Result<SectionRef> GetSection(std::string_view& directory, std::size_t& at,
                              std::string_view columns);
Result<std::string> OpenSection(const SectionRef& section, std::string_view columns,
                                DecodeBudget& budget);

// The smaller of: offsets from the smallest, or differences; bit-packed, or as
// varints that compress. A divisor that all offsets share is taken out.
std::string EncodeRun(std::span<const std::int64_t> values);
Result<std::vector<std::int64_t>> DecodeRun(std::string_view bytes, std::size_t count,
                                            DecodeBudget& budget);

}  // namespace opssight
