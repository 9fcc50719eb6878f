// Two things at once, for the first byte says which: any lines come back byte for byte
// and are found by their parts; any bytes are a block or refused. Of a foreign block
// envelope, checksums and compression are set right first, so that what lies behind
// them is reached.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "aggregator/store/columns/envelope.h"
#include "aggregator/store/logs/block.h"
#include "aggregator/store/logs/section.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Lines end at newlines; the first is the text to look for.
void Lines(std::string_view input) {
  const std::string_view text = input.substr(0, input.find('\n'));
  input.remove_prefix(std::min(input.size(), text.size() + 1));
  std::vector<std::string_view> lines;
  for (; !input.empty(); input.remove_prefix(std::min(input.size(), lines.back().size() + 1))) {
    lines.push_back(input.substr(0, input.find('\n')));
  }
  if (lines.empty()) return;
  BlockWriter writer;
  writer.Stream(Labels{{"a", "b"}});
  for (const std::string_view line : lines) {
    writer.Add({.time_ns = static_cast<std::int64_t>(line.size()), .line = line, .metadata = {}});
  }
  const std::string block = writer.Finish();
  const auto head = ReadBlockHead(block);
  Require(head.has_value());
  auto rows = BlockRows::Open(*head, block);
  Require(rows.has_value() && rows->rows() == lines.size());
  const auto contains = rows->Contains(text);
  Require(contains.has_value());
  bool any = false;
  for (std::size_t row = 0; row < lines.size(); ++row) {
    Require(rows->Line(row).value_or("") == lines[row]);
    const bool here = lines[row].find(text) != std::string_view::npos;
    Require(((*contains)[row] != 0) == here);
    any = any || here;
  }
  Require(!any || BlockMayContain(*head, block, {TextKeys(text)}).value_or(false));
}

// The first byte is the number of rows, the rest the directory, where 0xf0 and 0xf1 stand
// for a section, plain or compressed, of as many bytes as the next byte says.
void Foreign(std::string_view input) {
  if (input.empty()) return;
  const std::size_t rows = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  std::string plain;
  std::string sections;
  while (!input.empty()) {
    const auto byte = static_cast<unsigned char>(input[0]);
    input.remove_prefix(1);
    if ((byte != 0xf0 && byte != 0xf1) || input.empty()) {
      plain.push_back(static_cast<char>(byte));
      continue;
    }
    const std::size_t size = static_cast<unsigned char>(input[0]);
    input.remove_prefix(1);
    PutSection(input.substr(0, size), byte == 0xf1, plain, sections);
    input.remove_prefix(std::min(size, input.size()));
  }
  const std::string directory = ZstdCompress(plain);
  std::string head;
  for (const std::uint64_t value : {std::uint64_t{1}, std::uint64_t{1}, std::uint64_t{0}, rows}) {
    PutVarint(head, value);
  }
  PutZigZag(head, 0);
  PutVarint(head, 0);
  PutVarint(head, 0);
  PutLe(head, Hash64(""));
  PutVarint(head, directory.size());
  PutLe(head, Hash64(directory));
  const std::string block = WrapBlock("OLB2", ZstdCompress(head), directory + sections);
  const BlockLimits limits{.rows_max = 10'000,
                           .raw_bytes_max = 1 << 20,
                           .streams_max = 100,
                           .decoded_bytes_max = 4 << 20};
  const auto read = ReadBlockHead(block, limits);
  Require(read.has_value());
  auto opened = BlockRows::Open(*read, block, limits);
  if (!opened) return;
  (void)opened->Contains("error").has_value();
  for (std::size_t row = 0; row < opened->rows(); ++row) {
    (void)opened->Line(row).has_value();
    (void)opened->Metadata(row).has_value();
  }
}

}  // namespace
}  // namespace opssight

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    opssight::Lines(input);
  } else {
    opssight::Foreign(input);
  }
  return 0;
}
