#include "common/bytes/crc32c.h"

#include <array>

#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr std::array<std::uint32_t, 256> MakeTable() {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Reflected.
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}

std::uint32_t ByTable(std::uint32_t crc, std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = MakeTable();
  for (const char c : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xff];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t ByInstruction(std::uint32_t crc,
                                                              std::string_view& bytes) {
  std::uint64_t wide = crc;
  while (bytes.size() >= 8) {
    wide = __builtin_ia32_crc32di(wide, LoadLe<std::uint64_t>(bytes.data()));
    bytes.remove_prefix(8);
  }
  return static_cast<std::uint32_t>(wide);
}
#endif

}  // namespace

std::uint32_t Crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) crc = ByInstruction(crc, bytes);
#endif
  return ~ByTable(crc, bytes);
}

}  // namespace opssight
