#include "aggregator/store/logs/section.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include <fmt/core.h>

#include "aggregator/store/columns/bit_pack.h"
#include "common/bytes/endian.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"
#include "common/bytes/zstd.h"

namespace opssight {
namespace {

enum RunMode : std::uint8_t {
  kOffsetsPacked,
  kDeltasPacked,
  kOffsetsVarint,
  kDeltasVarint,
  kRunModes,
};

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(Hash64(bytes));
}

unsigned WidthOf(std::uint64_t value) {
  return static_cast<unsigned>(std::bit_width(value));
}

// The greatest number that divides all offsets; 1 soon for most runs.
std::uint64_t SharedDivisor(const std::vector<std::uint64_t>& offsets) {
  std::uint64_t divisor = 0;
  for (const std::uint64_t offset : offsets) {
    if (divisor != 0 && offset % divisor == 0) continue;
    divisor = std::gcd(divisor, offset);
    if (divisor == 1) return 1;
  }
  return std::max<std::uint64_t>(divisor, 1);
}

std::string Pack(RunMode mode, const std::vector<std::uint64_t>& values, std::uint64_t largest) {
  std::string out(1, static_cast<char>(mode));
  const unsigned width = WidthOf(largest);
  out.push_back(static_cast<char>(width));
  PackBits(values.data(), values.size(), width, out);
  return out;
}

}  // namespace

Error BadLogBlock(std::string_view what) {
  return Corrupt(fmt::format("log block: {}", what));
}

Status DecodeBudget::Charge(std::uint64_t bytes) {
  if (bytes > left_) return BadLogBlock("opens to more than the limit");
  left_ -= static_cast<std::size_t>(bytes);
  return {};
}

void PutSection(std::string_view bytes, bool try_compress, std::string& directory,
                std::string& columns) {
  constexpr std::size_t kWorthTrying = 32;
  std::string frame;
  const bool tried = try_compress && bytes.size() >= kWorthTrying;
  if (tried) frame = ZstdCompress(bytes);
  const bool compressed = tried && frame.size() < bytes.size() - bytes.size() / 16;
  const std::string_view stored = compressed ? std::string_view(frame) : bytes;
  PutVarint(directory, stored.size() << 1 | (compressed ? 1U : 0U));
  PutLe(directory, Checksum(stored));
  columns.append(stored);
}

Result<SectionRef> GetSection(std::string_view& directory, std::size_t& at,
                              std::string_view columns) {
  const auto size = GetVarint(directory);
  const auto checksum = GetLe<std::uint32_t>(directory);
  if (!size || !checksum || *size >> 1 > columns.size() - at) return BadLogBlock("short section");
  const SectionRef section{.at = at,
                           .size = static_cast<std::size_t>(*size >> 1),
                           .checksum = *checksum,
                           .compressed = (*size & 1) != 0};
  at += section.size;
  return section;
}

Result<std::string> OpenSection(const SectionRef& section, std::string_view columns,
                                DecodeBudget& budget) {
  const std::string_view stored = columns.substr(section.at, section.size);
  if (Checksum(stored) != section.checksum) return BadLogBlock("bad checksum of a section");
  std::string bytes;
  if (section.compressed) {
    const Status opened = ZstdDecompress(stored, budget.left(), bytes);
    if (!opened) return BadLogBlock(opened.error().message);
  } else {
    bytes = stored;
  }
  OPS_RETURN_IF_ERROR(budget.Charge(bytes.size()));
  return bytes;
}

std::string EncodeRun(std::span<const std::int64_t> values) {
  std::string out;
  if (values.empty()) return out;
  const std::int64_t smallest = *std::min_element(values.begin(), values.end());
  std::vector<std::uint64_t> offsets;
  offsets.reserve(values.size());
  std::uint64_t largest = 0;
  for (const std::int64_t value : values) {
    offsets.push_back(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(smallest));
    largest = std::max(largest, offsets.back());
  }
  const std::uint64_t divisor = SharedDivisor(offsets);
  if (divisor > 1) {
    for (std::uint64_t& offset : offsets) offset /= divisor;
    largest /= divisor;
  }
  PutZigZag(out, smallest);
  PutVarint(out, divisor);

  std::vector<std::uint64_t> deltas;  // Zigzag, so that steps back are small too.
  deltas.reserve(offsets.size());
  std::uint64_t before = 0;
  std::uint64_t largest_delta = 0;
  for (const std::uint64_t offset : offsets) {
    deltas.push_back(ZigZag(static_cast<std::int64_t>(offset - before)));
    largest_delta = std::max(largest_delta, deltas.back());
    before = offset;
  }
  const bool use_deltas = WidthOf(largest_delta) < WidthOf(largest);
  const std::vector<std::uint64_t>& chosen = use_deltas ? deltas : offsets;
  const std::string packed = Pack(use_deltas ? kDeltasPacked : kOffsetsPacked, chosen,
                                  use_deltas ? largest_delta : largest);
  constexpr std::size_t kWorthVarints = 64;
  if (packed.size() < kWorthVarints) return out + packed;
  std::string varints;
  for (const std::uint64_t value : chosen) PutVarint(varints, value);
  const std::string frame = ZstdCompress(varints);
  if (frame.size() >= packed.size() - packed.size() / 16) return out + packed;
  out.push_back(static_cast<char>(use_deltas ? kDeltasVarint : kOffsetsVarint));
  return out + frame;
}

Result<std::vector<std::int64_t>> DecodeRun(std::string_view bytes, std::size_t count,
                                            DecodeBudget& budget) {
  std::vector<std::int64_t> values;
  if (count == 0) {
    if (!bytes.empty()) return BadLogBlock("bytes in an empty run");
    return values;
  }
  const auto smallest = GetZigZag(bytes);
  const auto divisor = GetVarint(bytes);
  if (!smallest || !divisor || bytes.empty()) return BadLogBlock("short run");
  const auto mode = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  OPS_RETURN_IF_ERROR(budget.Charge(count * sizeof(std::int64_t)));
  if (mode >= kRunModes) return BadLogBlock("kind of run");
  values.resize(count);
  if (mode == kOffsetsPacked || mode == kDeltasPacked) {
    if (bytes.empty()) return BadLogBlock("short run");
    const auto width = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (width > 64 || bytes.size() != PackedBytes(count, width)) return BadLogBlock("packed run");
    UnpackBits(bytes, count, width, 0, values.data());
  } else {
    std::string varints;
    const Status opened = ZstdDecompress(bytes, budget.left(), varints);
    if (!opened) return BadLogBlock(opened.error().message);
    OPS_RETURN_IF_ERROR(budget.Charge(varints.size()));
    std::string_view rest = varints;
    for (std::int64_t& value : values) {
      const auto one = GetVarint(rest);
      if (!one) return BadLogBlock("short run");
      value = static_cast<std::int64_t>(*one);
    }
    if (!rest.empty()) return BadLogBlock("long run");
  }
  const auto base = static_cast<std::uint64_t>(*smallest);
  const bool deltas = mode == kDeltasPacked || mode == kDeltasVarint;
  std::uint64_t sum = 0;
  for (std::int64_t& value : values) {
    const auto raw = static_cast<std::uint64_t>(value);
    sum = deltas ? sum + static_cast<std::uint64_t>(UnZigZag(raw)) : raw;
    value = static_cast<std::int64_t>(base + sum * *divisor);
  }
  return values;
}

}  // namespace opssight
