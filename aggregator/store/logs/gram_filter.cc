#include "aggregator/store/logs/gram_filter.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/bytes/endian.h"

namespace opssight {
namespace {

constexpr std::size_t kGram = 4;
constexpr std::size_t kPiece = 8;
constexpr std::size_t kWindow = kIdRunMin - kPiece + 1;
constexpr std::size_t kBits = 1UL << 18;  // While collecting: 32 KB, near the core.

struct Classes {
  std::array<std::uint8_t, 256> other{};  // 1: not a byte of ids, numbers, times.
  std::array<bool, 256> id{};
};
constexpr Classes MakeClasses() {
  Classes classes;
  for (std::uint8_t& one : classes.other) one = 1;
  for (const char c : std::string_view("0123456789ABCDEFabcdef-")) {
    classes.id[static_cast<unsigned char>(c)] = true;
    classes.other[static_cast<unsigned char>(c)] = 0;
  }
  for (const char c : std::string_view(".:+TZ")) classes.other[static_cast<unsigned char>(c)] = 0;
  return classes;
}
constexpr Classes kClasses = MakeClasses();

std::uint64_t Mix(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15ULL;
  value ^= value >> 32;
  return value * 0xbf58476d1ce4e5b9ULL;
}

// The two bits of a key, in a filter of any power of two of bits: a filter is folded
// by taking fewer of the low bits.
std::size_t First(std::uint64_t key) {
  return static_cast<std::size_t>(key >> 40);
}
std::size_t Second(std::uint64_t key) {
  return static_cast<std::size_t>(key >> 16 & 0xffffff);
}

template <class Fn>
void ForMinimizers(std::string_view run, Fn fn) {
  std::array<std::uint64_t, kWindow> ring{};  // Of the last pieces.
  std::uint64_t least = ~0ULL;
  std::size_t least_at = 0;
  bool told = false;
  for (std::size_t i = 0; i + kPiece <= run.size(); ++i) {
    const std::uint64_t hash = Mix(LoadLe<std::uint64_t>(run.data() + i) ^ 0x6964);
    ring[i % kWindow] = hash;
    if (hash <= least) {
      least = hash;
      least_at = i;
      told = false;
    } else if (i - least_at >= kWindow) {  // It has left the window.
      least_at = i - kWindow + 1;
      for (std::size_t j = least_at; j <= i; ++j) {
        if (ring[j % kWindow] <= ring[least_at % kWindow]) least_at = j;
      }
      least = ring[least_at % kWindow];
      told = false;
    }
    if (i + 1 < kWindow || told) continue;
    fn(least);
    told = true;
  }
}

template <class Fn>
void ForIds(std::string_view text, Fn fn) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kClasses.id[static_cast<unsigned char>(text[i])]) {
      ++run;
      continue;
    }
    if (run >= kIdRunMin) ForMinimizers(text.substr(i - run, run), fn);
    run = 0;
  }
  if (run >= kIdRunMin) ForMinimizers(text.substr(text.size() - run), fn);
}

template <class Fn>
void ForGrams(std::string_view text, Fn fn) {
  unsigned others = 0;  // Of the last four bytes.
  for (std::size_t i = 0; i < text.size(); ++i) {
    others += kClasses.other[static_cast<unsigned char>(text[i])];
    if (i >= kGram) others -= kClasses.other[static_cast<unsigned char>(text[i - kGram])];
    if (i + 1 >= kGram && others >= 2) fn(Mix(LoadLe<std::uint32_t>(text.data() + i + 1 - kGram)));
  }
}

}  // namespace

GramFilterWriter::GramFilterWriter() : bits_(kBits / 64) {}

void GramFilterWriter::Set(std::uint64_t key) {
  for (const std::size_t bit : {First(key) % kBits, Second(key) % kBits}) {
    bits_[bit / 64] |= 1ULL << (bit % 64);
  }
}

void GramFilterWriter::Add(std::string_view part) {
  ForGrams(part, [this](std::uint64_t key) { Set(key); });
  AddIds(part);
}

void GramFilterWriter::AddIds(std::string_view part) {
  ForIds(part, [this](std::uint64_t key) { Set(key); });
}

std::string GramFilterWriter::Finish(std::size_t bytes_max) const {
  constexpr double kFull = 0.45;  // Fold while no more of the bits would be set.
  constexpr double kUseless = 0.8;
  std::vector<std::uint64_t> bits = bits_;
  for (;;) {
    const std::size_t half = bits.size() / 2;
    if (half == 0) break;
    std::size_t ones = 0;
    for (std::size_t i = 0; i < half; ++i) {
      ones += static_cast<std::size_t>(std::popcount(bits[i] | bits[i + half]));
    }
    const bool small = bits.size() * sizeof(std::uint64_t) <= bytes_max;
    if (small && static_cast<double>(ones) > kFull * static_cast<double>(half * 64)) break;
    for (std::size_t i = 0; i < half; ++i) bits[i] |= bits[i + half];
    bits.resize(half);
  }
  std::size_t ones = 0;
  for (const std::uint64_t word : bits) ones += static_cast<std::size_t>(std::popcount(word));
  if (static_cast<double>(ones) > kUseless * static_cast<double>(bits.size() * 64)) return {};
  return {reinterpret_cast<const char*>(bits.data()), bits.size() * sizeof(std::uint64_t)};
}

TextKeys::TextKeys(std::string_view text) {
  ForIds(text, [this](std::uint64_t key) { keys_.push_back(key); });
  ForGrams(text, [this](std::uint64_t key) { keys_.push_back(key); });
}

bool TextKeys::MayBeIn(std::string_view filter) const {
  if (filter.empty()) return true;
  const std::size_t mask = std::bit_floor(filter.size()) * 8 - 1;
  return std::all_of(keys_.begin(), keys_.end(), [&](std::uint64_t key) {
    const std::size_t first = First(key) & mask;
    const std::size_t second = Second(key) & mask;
    return (static_cast<unsigned char>(filter[first / 8]) >> (first % 8) & 1) != 0 &&
           (static_cast<unsigned char>(filter[second / 8]) >> (second % 8) & 1) != 0;
  });
}

}  // namespace opssight
