// XXH3 (https://xxhash.com, Yann Collet): identity and checksums of our own
// bytes. Not for secrets and not against an adversary.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace opssight {

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};

std::uint64_t Hash64(std::string_view bytes, std::uint64_t seed = 0);
// XXH64, the hash that Prometheus has of a label set.
std::uint64_t XxHash64(std::string_view bytes);
Hash128 HashOf128(std::string_view bytes);
std::string ToHex(const Hash128& hash);

}  // namespace opssight

template <>
struct std::hash<opssight::Hash128> {
  std::size_t operator()(const opssight::Hash128& key) const noexcept { return key.low; }
};
