// A filter that says of a text "surely in no line of this block". It holds what every
// occurrence of a text drags along, wherever in a line it begins and ends:
//
//   grams   each 4 bytes of a line of which at least 2 are not id bytes (digits,
//           A-F, a-f and .:+-TZ): words and punctuation, few of them distinct
//   ids     of each run of 16 or more of [0-9A-Fa-f-], the minimizers: of every 9
//           neighbouring pieces of 8 bytes the one with the smallest hash
//
// Both depend on the bytes at hand alone, so the keys of a text are among the keys of
// any line that contains it: no false "no". Ids are left to the second kind because 4
// bytes of random digits occur in any block; minimizers are about 5 keys for a uuid
// and still answer for a half of it. A text of up to 3 bytes has no keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace opssight {

inline constexpr std::size_t kIdRunMin = 16;

class GramFilterWriter {
 public:
  GramFilterWriter();

  // Part of a line. Of the keys that begin before it or end after it another Add must
  // take care; runs of id bytes it must not cut.
  void Add(std::string_view part);
  // Only the ids of it.
  void AddIds(std::string_view part);
  // Bits of at most about bytes_max; empty when they would not tell anything.
  std::string Finish(std::size_t bytes_max) const;

 private:
  void Set(std::uint64_t key);
  std::vector<std::uint64_t> bits_;
};

// What a block's filter must hold for the text to be in one of its lines.
class TextKeys {
 public:
  explicit TextKeys(std::string_view text);
  bool MayBeIn(std::string_view filter) const;

 private:
  std::vector<std::uint64_t> keys_;
};

}  // namespace opssight
