#include "aggregator/store/metrics/int_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "aggregator/store/columns/bit_pack.h"
#include "common/base/check.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

// Kinds; + kPatched: some values of the packed run are kept aside.
constexpr unsigned kOne = 0;
constexpr unsigned kFor = 1;
constexpr unsigned kDelta = 2;
constexpr unsigned kDelta2 = 3;
constexpr unsigned kSparse = 4;
constexpr unsigned kPatched = 4;
constexpr unsigned char kShiftFollows = 0x80;  // In the byte of the width.
constexpr unsigned kWidthMax = 64;

using Values = std::array<std::int64_t, kIntsMax>;

std::int64_t Minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t Plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

struct Range {
  std::int64_t min = INT64_MAX;
  std::int64_t max = INT64_MIN;
  void Add(std::int64_t value) {
    min = std::min(min, value);
    max = std::max(max, value);
  }
  unsigned width() const {
    return min > max ? 0
                     : static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(max) -
                                                            static_cast<std::uint64_t>(min)));
  }
};

// What is to be packed: values, their base, those kept aside.
struct Packed {
  std::span<std::int64_t> values;
  std::int64_t base = 0;
  unsigned width = 0;
  std::size_t patches = 0;
  std::array<std::uint16_t, kIntsMax / 8> positions;
  std::array<std::int64_t, kIntsMax / 8> patched;  // Above the base.
};

std::int64_t MiddleOf(std::int64_t a, std::int64_t b, std::int64_t c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

// The width at which a run is smallest with the values that need more kept
// aside, at most one in eight.
struct Cut {
  std::int64_t middle = 0;
  unsigned width = kWidthMax;  // Of a value's zigzag distance from middle.
  std::size_t bits = 0;        // Of the run.
  bool Keeps(std::int64_t value) const { return WidthOf(value) <= width; }
  unsigned WidthOf(std::int64_t value) const {
    return static_cast<unsigned>(std::bit_width(ZigZag(Minus(value, middle))));
  }
};

Cut FindCut(std::span<const std::int64_t> values, unsigned plain_width) {
  Cut cut{.bits = values.size() * plain_width};
  constexpr unsigned kNarrow = 4;  // Nothing to win below.
  if (plain_width < kNarrow || values.size() < 8) return cut;
  constexpr std::size_t kGainBits = 24;
  cut.middle = MiddleOf(values.front(), values[values.size() / 2], values.back());
  std::array<std::uint16_t, kWidthMax + 1> counts{};
  for (const std::int64_t value : values) ++counts[cut.WidthOf(value)];
  unsigned widest = kWidthMax;
  while (counts[widest] == 0) --widest;
  const std::size_t patch_bits = 8 + (widest + 7) / 7 * 8;
  std::size_t above = 0;
  for (unsigned width = widest; width > 0; --width) {
    above += counts[width];
    if (above > values.size() / 8) break;
    const std::size_t bits = values.size() * (width - 1) + above * patch_bits;
    if (bits + (cut.width == kWidthMax ? kGainBits : 0) >= cut.bits) continue;
    cut.bits = bits;
    cut.width = width - 1;
  }
  return cut;
}

void KeepAside(const Cut& cut, Packed& run) {
  if (cut.width == kWidthMax) return;
  Range core;
  for (const std::int64_t value : run.values) {
    if (cut.Keeps(value)) core.Add(value);
  }
  for (std::size_t i = 0; i < run.values.size(); ++i) {
    if (cut.Keeps(run.values[i])) continue;
    run.positions[run.patches] = static_cast<std::uint16_t>(i);
    run.patched[run.patches++] = Minus(run.values[i], core.min);
    run.values[i] = core.min;
  }
  run.base = core.min;
  run.width = core.width();
}

void PutWidth(unsigned width, unsigned shift, std::string& out) {
  out.push_back(static_cast<char>(width | (shift != 0 ? kShiftFollows : 0)));
  if (shift != 0) out.push_back(static_cast<char>(shift));
}

// base, patches, packed values.
void PutPacked(const Packed& run, std::string_view bitmap, std::string& out) {
  PutZigZag(out, run.base);
  if (run.patches != 0) {
    PutVarint(out, run.patches);
    std::size_t last = 0;
    for (std::size_t i = 0; i < run.patches; ++i) {
      PutVarint(out, run.positions[i] - last);
      PutZigZag(out, run.patched[i]);
      last = run.positions[i];
    }
  }
  out.append(bitmap);
  std::array<std::uint64_t, kIntsMax> packed;
  for (std::size_t i = 0; i < run.values.size(); ++i) {
    packed[i] = static_cast<std::uint64_t>(Minus(run.values[i], run.base));
  }
  PackBits(packed.data(), run.values.size(), run.width, out);
}

struct Choice {
  unsigned kind = kFor;
  std::int64_t base = 0;
  unsigned width = 0;
};

struct Statistics {
  Range values, deltas, deltas2, changes;
  std::size_t changed = 0;
};

Choice Choose(const Statistics& seen, std::size_t count) {
  constexpr std::size_t kHeaderBits = 8;  // About what one more varint in front costs.
  Choice best{.kind = kDelta, .base = seen.deltas.min, .width = seen.deltas.width()};
  std::size_t best_bits = (count - 1) * best.width + kHeaderBits;
  const auto consider = [&](unsigned kind, const Range& range, std::size_t bits) {
    if (bits >= best_bits) return;
    best_bits = bits;
    best = {.kind = kind, .base = range.min, .width = range.width()};
  };
  consider(kFor, seen.values, count * seen.values.width());
  if (count > 2) {
    consider(kDelta2, seen.deltas2, (count - 2) * seen.deltas2.width() + 2 * kHeaderBits);
  }
  consider(kSparse, seen.changes, count - 1 + seen.changed * seen.changes.width() + kHeaderBits);
  return best;
}

struct Work {
  std::size_t count = 0;
  Values shifted;
  Values deltas;  // deltas[i] = shifted[i + 1] - shifted[i]
  Values rest;    // Deltas of deltas, or the deltas that are not zero.
  Statistics seen;
  std::array<char, kIntsMax / 8> bitmap{};  // Which deltas are not zero.

  void Fill(std::span<const std::int64_t> values, unsigned shift);
  std::span<std::int64_t> Run(unsigned kind);
};

void Work::Fill(std::span<const std::int64_t> values, unsigned shift) {
  count = values.size();
  shifted[0] = values[0] >> shift;
  seen.values.Add(shifted[0]);
  for (std::size_t i = 1; i < count; ++i) {
    shifted[i] = values[i] >> shift;
    const std::int64_t delta = Minus(shifted[i], shifted[i - 1]);
    deltas[i - 1] = delta;
    seen.values.Add(shifted[i]);
    seen.deltas.Add(delta);
    if (i > 1) seen.deltas2.Add(Minus(delta, deltas[i - 2]));
    if (delta != 0) {
      seen.changes.Add(delta);
      ++seen.changed;
    }
  }
}

// What is packed for a kind.
std::span<std::int64_t> Work::Run(unsigned kind) {
  if (kind == kFor) return std::span(shifted).first(count);
  if (kind == kDelta) return std::span(deltas).first(count - 1);
  std::size_t kept = 0;
  if (kind == kDelta2) {
    for (; kept + 2 < count; ++kept) rest[kept] = Minus(deltas[kept + 1], deltas[kept]);
  } else {
    for (std::size_t i = 0; i + 1 < count; ++i) {
      if (deltas[i] == 0) continue;
      bitmap[i / 8] = static_cast<char>(bitmap[i / 8] | 1 << (i % 8));
      rest[kept++] = deltas[i];
    }
  }
  return std::span(rest).first(kept);
}

// A few far values can hide which way is best: looks at each without them.
Choice ChooseWithoutFar(Work& work, Choice best) {
  constexpr unsigned kWide = 16;
  if (best.width < kWide) return best;
  std::size_t best_bits = FindCut(work.Run(best.kind), best.width).bits;
  const auto consider = [&](unsigned kind, const Range& range) {
    const std::size_t bits = FindCut(work.Run(kind), range.width()).bits;
    if (bits >= best_bits) return;
    best_bits = bits;
    best = {.kind = kind, .base = range.min, .width = range.width()};
  };
  consider(kFor, work.seen.values);
  consider(kDelta, work.seen.deltas);
  if (work.count > 2) consider(kDelta2, work.seen.deltas2);
  return best;
}

}  // namespace

void EncodeInts(std::span<const std::int64_t> values, std::string& out, unsigned high) {
  OPS_CHECK(values.size() <= kIntsMax && high <= kIntTagHighMax, "int codec: {} values",
            values.size());
  if (values.empty()) return;
  std::uint64_t all = 0;
  std::uint64_t differ = 0;
  for (const std::int64_t value : values) {
    all |= static_cast<std::uint64_t>(value);
    differ |= static_cast<std::uint64_t>(value ^ values[0]);
  }
  const auto tag = [&](unsigned kind) { out.push_back(static_cast<char>(kind | high << 4)); };
  if (differ == 0) {
    tag(kOne);
    PutZigZag(out, values[0]);
    return;
  }
  const auto shift = static_cast<unsigned>(std::countr_zero(all));
  Work work;
  work.Fill(values, shift);
  const Choice choice = ChooseWithoutFar(work, Choose(work.seen, values.size()));
  const std::int64_t first = work.shifted[0];
  Packed run{.values = work.Run(choice.kind), .base = choice.base, .width = choice.width};
  KeepAside(FindCut(run.values, run.width), run);
  tag(choice.kind + (run.patches != 0 ? kPatched : 0));
  PutWidth(run.width, shift, out);
  if (choice.kind != kFor) PutZigZag(out, first);
  if (choice.kind == kDelta2) PutZigZag(out, work.deltas[0]);
  const std::size_t bitmap_bytes = choice.kind == kSparse ? PackedBytes(values.size() - 1, 1) : 0;
  PutPacked(run, {work.bitmap.data(), bitmap_bytes}, out);
}

namespace {

struct Patch {
  std::size_t position;
  std::int64_t value;
};

// The patches of a run; positions are checked against the run's length later.
struct Patches {
  std::size_t count = 0;
  std::array<Patch, kIntsMax / 8> list;
};

bool TakePatches(std::string_view& bytes, Patches& patches) {
  const auto count = GetVarint(bytes);
  if (!count || *count > patches.list.size()) return false;
  std::size_t position = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto gap = GetVarint(bytes);
    const auto value = GetZigZag(bytes);
    if (!gap || !value || *gap > kIntsMax) return false;
    position += *gap;
    patches.list[i] = {.position = position, .value = *value};
  }
  patches.count = *count;
  return true;
}

bool TakePacked(std::string_view& bytes, unsigned width, std::int64_t base, const Patches& patches,
                std::span<std::int64_t> out) {
  const std::size_t size = PackedBytes(out.size(), width);
  if (size > bytes.size()) return false;
  UnpackBits(bytes, out.size(), width, static_cast<std::uint64_t>(base), out.data());
  bytes.remove_prefix(size);
  for (std::size_t i = 0; i < patches.count; ++i) {
    if (patches.list[i].position >= out.size()) return false;
    out[patches.list[i].position] = Plus(base, patches.list[i].value);
  }
  return true;
}

// Above one change in so many, looking at each bit is faster.
constexpr std::size_t kSeldom = 8;

// changes to where the bitmap has bits, and 0 to the rest. Bits behind out are not looked at.
void SpreadSeldom(std::string_view bitmap, std::span<const std::int64_t> changes,
                  std::span<std::int64_t> out) {
  std::fill(out.begin(), out.end(), 0);
  std::size_t next = 0;
  for (std::size_t byte = 0; byte < bitmap.size(); ++byte) {
    for (unsigned bits = static_cast<unsigned char>(bitmap[byte]); bits != 0; bits &= bits - 1) {
      const std::size_t position = byte * 8 + static_cast<unsigned>(std::countr_zero(bits));
      if (position < out.size()) out[position] = changes[next++];
    }
  }
}

bool TakeSparse(std::string_view& bytes, unsigned width, std::int64_t base, const Patches& patches,
                std::span<std::int64_t> out) {
  const std::size_t size = PackedBytes(out.size(), 1);
  if (size > bytes.size()) return false;
  const std::string_view bitmap = bytes.substr(0, size);
  bytes.remove_prefix(size);
  std::size_t changed = 0;
  for (const char byte : bitmap) {
    changed += static_cast<std::size_t>(std::popcount(static_cast<unsigned char>(byte)));
  }
  if (changed > out.size()) return false;
  std::array<std::int64_t, kIntsMax + 1> changes;  // One more is read, and not used.
  if (!TakePacked(bytes, width, base, patches, std::span(changes).first(changed))) return false;
  if (changed <= out.size() / kSeldom) {
    SpreadSeldom(bitmap, std::span(changes).first(changed), out);
    return true;
  }
  changes[changed] = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned bit = static_cast<unsigned char>(bitmap[i / 8]) >> (i % 8) & 1U;
    out[i] = changes[next] & -static_cast<std::int64_t>(bit);
    next += bit;
  }
  return true;
}

void SumUp(std::int64_t first, std::span<std::int64_t> deltas) {
  std::int64_t sum = first;
  for (std::int64_t& value : deltas) value = sum = Plus(sum, value);
}

}  // namespace

bool DecodeInts(std::string_view& bytes, std::span<std::int64_t> out) {
  if (out.empty()) return true;
  if (bytes.empty() || out.size() > kIntsMax) return false;
  unsigned kind = static_cast<unsigned char>(bytes.front()) & 0xfU;
  bytes.remove_prefix(1);
  if (kind == kOne) {
    const auto value = GetZigZag(bytes);
    if (!value) return false;
    std::fill(out.begin(), out.end(), *value);
    return true;
  }
  if (kind >= kIntKinds || bytes.empty()) return false;
  const bool patched = kind > kPatched;
  if (patched) kind -= kPatched;
  const auto width_byte = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  const unsigned width = width_byte & ~kShiftFollows & 0xffU;
  unsigned shift = 0;
  if ((width_byte & kShiftFollows) != 0) {
    if (bytes.empty()) return false;
    shift = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
  }
  if (width > kWidthMax || shift >= kWidthMax) return false;
  const std::size_t before = kind == kFor ? 0 : kind == kDelta2 ? 2 : 1;  // Values given whole.
  if (out.size() < before) return false;
  std::optional<std::int64_t> first = 0;
  std::optional<std::int64_t> first_delta = 0;
  if (before > 0) first = GetZigZag(bytes);
  if (before > 1) first_delta = GetZigZag(bytes);
  const auto base = GetZigZag(bytes);
  Patches patches;
  if (!first || !first_delta || !base || (patched && !TakePatches(bytes, patches))) return false;
  const std::span<std::int64_t> rest = out.subspan(before);
  const bool taken = kind == kSparse ? TakeSparse(bytes, width, *base, patches, rest)
                                     : TakePacked(bytes, width, *base, patches, rest);
  if (!taken) return false;
  if (before > 0) out[0] = *first;
  if (before > 1) out[1] = *first_delta;
  if (kind == kDelta2) SumUp(0, out.subspan(1));
  if (kind != kFor) SumUp(*first, out.subspan(1));
  if (shift != 0) {
    for (std::int64_t& value : out) {
      value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << shift);
    }
  }
  return true;
}

}  // namespace opssight
