#include "common/text/units.h"

#include <array>
#include <limits>

#include "common/text/number.h"

namespace opssight {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ms;
};

constexpr std::array<DurationUnit, 7> kDurationUnits = {{{"y", 365LL * 86'400'000},
                                                         {"w", 7LL * 86'400'000},
                                                         {"d", 86'400'000},
                                                         {"h", 3'600'000},
                                                         {"m", 60'000},
                                                         {"s", 1'000},
                                                         {"ms", 1}}};
constexpr std::size_t kLargestPrinted = 2;  // Days: "7d" is plainer than "1w".

constexpr std::string_view kSizeLetters = "KMGTPE";

std::size_t DigitsAt(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  return count;
}

// The power of two of a unit: 30 for GB and GiB, 0 for "" and B.
std::optional<unsigned> ShiftOf(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  const std::size_t letter = kSizeLetters.find(unit.front());
  if (letter == std::string_view::npos) return std::nullopt;
  unit.remove_prefix(1);
  if (unit != "B" && unit != "iB") return std::nullopt;
  return static_cast<unsigned>(10 * (letter + 1));
}

std::string FormatFrom(std::size_t largest, std::int64_t duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string text;
  for (std::size_t i = largest; i < kDurationUnits.size(); ++i) {
    const std::int64_t count = duration_ms / kDurationUnits[i].ms;
    if (count == 0) continue;
    text += std::to_string(count);
    text += kDurationUnits[i].name;
    duration_ms %= kDurationUnits[i].ms;
  }
  return text;
}

}  // namespace

std::optional<std::int64_t> ParsePromDurationMs(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const std::size_t digits = DigitsAt(text);
    const auto number = ParseInt<std::int64_t>(text.substr(0, digits));
    if (!number) return std::nullopt;
    text.remove_prefix(digits);
    std::size_t letters = 0;
    while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z') ++letters;
    while (next_unit < kDurationUnits.size() &&
           kDurationUnits[next_unit].name != text.substr(0, letters)) {
      ++next_unit;
    }
    if (next_unit == kDurationUnits.size()) return std::nullopt;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*number, kDurationUnits[next_unit].ms, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    ++next_unit;
    text.remove_prefix(letters);
  }
  return total;
}

std::string FormatDurationMs(std::int64_t duration_ms) {
  return FormatFrom(kLargestPrinted, duration_ms);
}

std::string FormatPromDurationMs(std::int64_t duration_ms) {
  std::size_t largest = 0;
  while (largest < kLargestPrinted && duration_ms % kDurationUnits[largest].ms != 0) ++largest;
  return FormatFrom(largest, duration_ms);
}

std::optional<std::uint64_t> ParseByteSize(std::string_view text) {
  const std::size_t digits = DigitsAt(text);
  const auto number = ParseInt<std::uint64_t>(text.substr(0, digits));
  const auto shift = ShiftOf(text.substr(digits));
  if (!number || !shift) return std::nullopt;
  if (*number > std::numeric_limits<std::uint64_t>::max() >> *shift) return std::nullopt;
  return *number << *shift;
}

std::string FormatByteSize(std::uint64_t bytes) {
  std::size_t letter = 0;
  while (bytes != 0 && bytes % 1024 == 0 && letter < kSizeLetters.size()) {
    bytes /= 1024;
    ++letter;
  }
  std::string text = std::to_string(bytes);
  if (letter != 0) text.append(1, kSizeLetters[letter - 1]).push_back('i');
  return text + "B";
}

}  // namespace opssight
