// Bit strings as Prometheus' chunks have them: highest bit first. Internal to this folder.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace opssight::remote {

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  void Bit(bool bit) { Bits(bit ? 1 : 0, 1); }
  // The lowest count bits of value.
  void Bits(std::uint64_t value, unsigned count) {
    while (count > 0) {
      if (free_ == 0) {
        out_.push_back('\0');
        free_ = 8;
      }
      const unsigned take = count < free_ ? count : free_;
      const std::uint64_t part = (value >> (count - take)) & ((1ULL << take) - 1);
      out_.back() = static_cast<char>(static_cast<std::uint8_t>(out_.back()) |
                                      static_cast<std::uint8_t>(part << (free_ - take)));
      free_ -= take;
      count -= take;
    }
  }

 private:
  std::string& out_;
  unsigned free_ = 0;  // Of the last byte.
};

// Past the end everything is zero, and ended() says so.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  bool Bit() { return Bits(1) != 0; }
  std::uint64_t Bits(unsigned count) {
    std::uint64_t value = 0;
    while (count > 0) {
      const std::size_t byte = at_ / 8;
      if (byte >= bytes_.size()) {
        ended_ = true;
        return 0;
      }
      const unsigned left = 8 - static_cast<unsigned>(at_ % 8);
      const unsigned take = count < left ? count : left;
      const unsigned part =
          (static_cast<std::uint8_t>(bytes_[byte]) >> (left - take)) & ((1U << take) - 1);
      value = (value << take) | part;
      at_ += take;
      count -= take;
    }
    return value;
  }
  bool ended() const { return ended_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

// A LEB128 number whose bytes stand at any bit.
void PutUvarintBits(BitWriter& out, std::uint64_t value);
void PutVarintBits(BitWriter& out, std::int64_t value);
std::uint64_t GetUvarintBits(BitReader& in);
std::int64_t GetVarintBits(BitReader& in);

// Prometheus' "varbit": a prefix of ones, a zero, then 0, 3, 6, 9, 12, 18, 25, 56 or 64 bits.
void PutVarbitInt(BitWriter& out, std::int64_t value);
void PutVarbitUint(BitWriter& out, std::uint64_t value);
std::int64_t GetVarbitInt(BitReader& in);
std::uint64_t GetVarbitUint(BitReader& in);

// A value as XOR with the one before (Gorilla), as all of Prometheus' float columns.
struct XorState {
  static constexpr unsigned kNone = 0xff;
  double value = 0;
  unsigned leading = kNone;
  unsigned trailing = 0;
};
void PutXor(BitWriter& out, XorState& state, double value);
void GetXor(BitReader& in, XorState& state);

}  // namespace opssight::remote
