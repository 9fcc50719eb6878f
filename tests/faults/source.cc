#include "tests/faults/source.h"

#include <string_view>

#include <fmt/core.h>

#include "common/base/random.h"
#include "common/bytes/hash.h"

namespace opssight::faults {

std::string Source::Pad(std::uint64_t n) const {
  constexpr std::string_view kDigits =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
  Random random(Hash64(name, n));
  std::string pad(pad_bytes, ' ');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < pad.size(); ++i) {
    if (i % 10 == 0) bits = random.Next();  // 6 bits a digit.
    pad[i] = kDigits[bits & 63];
    bits >>= 6;
  }
  return pad;
}

std::string Source::Line(std::uint64_t n) const {
  return fmt::format("n={} {} {}", n, name, Pad(n));
}

std::string Source::TraceId(std::uint64_t part) const {
  return fmt::format("{:016x}{:016x}", Hash64(name), part + 1);
}

}  // namespace opssight::faults
