#include "aggregator/store/metrics/xor_codec.h"

#include <bit>

#include "aggregator/store/columns/bit_pack.h"

namespace opssight {
namespace {

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  void Put(std::uint64_t value, unsigned width) {  // width 1-64, value below 2^width.
    word_ |= value << filled_;
    filled_ += width;
    if (filled_ < 64) return;
    PutLe(out_, word_);
    filled_ -= 64;
    word_ = filled_ == 0 ? 0 : value >> (width - filled_);
  }
  void Finish() {
    for (; filled_ > 0; word_ >>= 8) {
      out_.push_back(static_cast<char>(word_));
      filled_ = filled_ > 8 ? filled_ - 8 : 0;
    }
  }

 private:
  std::string& out_;
  std::uint64_t word_ = 0;
  unsigned filled_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t Take(unsigned width) {  // 1-64.
    std::int64_t value = 0;
    UnpackAt(width, value);
    bit_ += width;
    return static_cast<std::uint64_t>(value);
  }
  bool past_end() const { return bit_ > bytes_.size() * 8; }

 private:
  void UnpackAt(unsigned width, std::int64_t& value) const {
    const std::uint64_t mask = width == 64 ? ~0ULL : (1ULL << width) - 1;
    const std::size_t at = bit_ / 8;
    const std::uint64_t word = width <= 57 && at + sizeof(std::uint64_t) <= bytes_.size()
                                   ? LoadLe<std::uint64_t>(bytes_.data() + at) >> (bit_ % 8)
                                   : bit_pack_internal::LoadSlow(bytes_, bit_);
    value = static_cast<std::int64_t>(word & mask);
  }
  std::string_view bytes_;
  std::size_t bit_ = 0;
};

// Codes of a value, read from the low bit: 0 the same; 01 in the last window;
// 11 a new window.
constexpr unsigned kSame = 0;
constexpr unsigned kInWindow = 1;
constexpr unsigned kNewWindow = 3;

}  // namespace

void EncodeXor(std::span<const double> values, std::string& out) {
  BitWriter bits(out);
  std::uint64_t last = 0;
  unsigned low = 64;  // The window: bits [low, low + width).
  unsigned width = 0;
  for (const double value : values) {
    const auto now = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t differ = now ^ last;
    last = now;
    if (differ == 0) {
      bits.Put(kSame, 1);
      continue;
    }
    const auto trailing = static_cast<unsigned>(std::countr_zero(differ));
    const auto needs = static_cast<unsigned>(std::bit_width(differ)) - trailing;
    constexpr unsigned kNewWindowBits = 12;
    if (trailing >= low && trailing + needs <= low + width && width <= needs + kNewWindowBits) {
      bits.Put(kInWindow, 2);
    } else {
      low = trailing;
      width = needs;
      bits.Put(kNewWindow, 2);
      bits.Put(low, 6);
      bits.Put(width - 1, 6);
    }
    bits.Put(differ >> low, width);
  }
  bits.Finish();
}

bool DecodeXor(std::string_view bytes, std::span<double> out) {
  BitReader bits(bytes);
  std::uint64_t last = 0;
  unsigned low = 0;
  unsigned width = 0;
  for (double& value : out) {
    if (bits.past_end()) return false;
    if (bits.Take(1) != 0) {
      if (bits.Take(1) != 0) {
        low = static_cast<unsigned>(bits.Take(6));
        width = static_cast<unsigned>(bits.Take(6)) + 1;
      }
      if (width == 0 || low + width > 64) return false;
      last ^= bits.Take(width) << low;
    }
    value = std::bit_cast<double>(last);
  }
  return !bits.past_end();
}

}  // namespace opssight
