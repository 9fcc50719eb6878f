// Made-up series that behave as a node_exporter's do, for benchmarks and tests.
// Two mixes: `host` has the shares of a recording of real hosts (half of the series
// stand still), `harsh` is the mix the prototypes of the codec were measured on.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/random.h"

namespace opssight::bench {

enum class Kind : std::uint8_t {
  kConstant,
  kRareCounter,  // Errors, restarts: moves now and then.
  kCounter,      // Packets, bytes: jitters around a rate.
  kCpu,          // Seconds with two decimals.
  kPages,        // Bytes, a multiple of 4096.
  kDecimal,      // Load, temperature.
  kBucket,       // A histogram's.
  kDouble,       // A sum in full precision.
};
inline constexpr std::array<std::string_view, 8> kKindNames = {
    "constant", "rare counter", "counter", "cpu", "pages", "decimal", "bucket", "double"};

inline constexpr std::array<unsigned, 8> kHostMix = {50, 14, 12, 8, 8, 4, 3, 1};
inline constexpr std::array<unsigned, 8> kHarshMix = {15, 0, 40, 10, 15, 10, 5, 5};

class MixedSeries {
 public:
  MixedSeries(Kind kind, std::uint64_t seed) : kind_(kind), random_(seed) {
    value_ = static_cast<double>(random_.Below(1'000'000));
    rate_ = std::exp(random_.Unit() * 9);
    if (kind == Kind::kPages) value_ = static_cast<double>(random_.Below(1 << 22)) * 4096;
    if (kind == Kind::kConstant && random_.Below(3) == 0) value_ = 0;
  }
  Kind kind() const { return kind_; }
  double Next() {
    switch (kind_) {
      case Kind::kConstant:
        break;
      case Kind::kRareCounter:
        if (random_.Below(25) == 0) value_ += static_cast<double>(1 + random_.Below(3));
        break;
      case Kind::kCounter:
        value_ += std::floor(rate_ * (0.8 + 0.4 * random_.Unit()));
        break;
      case Kind::kCpu:
        value_ = std::round((value_ + random_.Unit() * 0.6) * 100) / 100;
        break;
      case Kind::kPages:
        value_ += (static_cast<double>(random_.Below(256)) - 128) * 4096;
        break;
      case Kind::kDecimal:
        value_ = std::round((value_ + random_.Unit() - 0.5) * 100) / 100;
        break;
      case Kind::kBucket:
        value_ += random_.Below(4) == 0 ? static_cast<double>(random_.Below(4)) : 0;
        break;
      case Kind::kDouble:
        value_ += random_.Unit();
        break;
    }
    return value_;
  }

 private:
  Kind kind_;
  Random random_;
  double value_ = 0;
  double rate_ = 1;
};

// One for each of count series, the kinds spread by their shares.
inline std::vector<MixedSeries> MakeMix(const std::array<unsigned, 8>& shares, std::size_t count,
                                        std::uint64_t seed) {
  std::vector<MixedSeries> series;
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t at = random.Below(100);
    std::size_t kind = 0;
    while (at >= shares[kind]) at -= shares[kind++];
    series.emplace_back(static_cast<Kind>(kind), random.Next());
  }
  return series;
}

}  // namespace opssight::bench
