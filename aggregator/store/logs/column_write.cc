#include "aggregator/store/logs/column_write.h"

#include <algorithm>
#include <array>
#include <optional>

#include "aggregator/store/logs/section.h"
#include "aggregator/store/logs/value_form.h"
#include "common/bytes/hash.h"
#include "common/bytes/varint.h"

namespace opssight {
namespace {

using Values = std::span<const std::string_view>;

// Codes in the order of first use; nothing when there are too many different values.
class Dictionary {
 public:
  explicit Dictionary(std::size_t entries_max) : entries_max_(entries_max) { slots_.fill(-1); }

  bool Add(std::string_view value) {
    if (!codes_.empty() && value == entries_[codes_.back()]) {
      codes_.push_back(codes_.back());
      return true;
    }
    std::size_t slot = Hash64(value) % slots_.size();
    while (slots_[slot] >= 0 && entries_[static_cast<std::size_t>(slots_[slot])] != value) {
      slot = (slot + 1) % slots_.size();
    }
    if (slots_[slot] < 0) {
      if (entries_.size() == entries_max_) return false;
      slots_[slot] = static_cast<std::int16_t>(entries_.size());
      entries_.push_back(value);
    }
    codes_.push_back(static_cast<std::uint8_t>(slots_[slot]));
    return true;
  }

  const std::vector<std::string_view>& entries() const { return entries_; }
  std::vector<std::uint8_t>& codes() { return codes_; }

 private:
  const std::size_t entries_max_;
  std::array<std::int16_t, 1024> slots_;
  std::vector<std::string_view> entries_;
  std::vector<std::uint8_t> codes_;
};

bool EncodeDictionary(Values values, EncodedColumn& out, std::string& directory,
                      std::string& columns) {
  Dictionary dictionary(std::clamp<std::size_t>(values.size() / 2, 1, kDictionaryMax));
  for (const std::string_view value : values) {
    if (!dictionary.Add(value)) return false;
  }
  if (dictionary.entries().size() == 1) {
    out.kind = ColumnKind::kConst;
    directory.push_back(static_cast<char>(ColumnKind::kConst));
    PutString(directory, values[0]);
    return true;
  }
  out.kind = ColumnKind::kDictionary;
  directory.push_back(static_cast<char>(ColumnKind::kDictionary));
  std::string entries;
  for (const std::string_view entry : dictionary.entries()) PutString(entries, entry);
  out.codes = std::move(dictionary.codes());
  const std::string_view codes(reinterpret_cast<const char*>(out.codes.data()), out.codes.size());
  PutSection(entries, true, directory, columns);
  PutSection(codes, true, directory, columns);
  return true;
}

// How many bytes all values begin and end with, never more than the shortest has.
struct Shared {
  std::size_t prefix = 0;
  std::size_t suffix = 0;
};

Shared SharedBy(Values values) {
  const std::string_view first = values[0];
  Shared shared{.prefix = first.size(), .suffix = first.size()};
  std::size_t shortest = first.size();
  for (const std::string_view value : values) {
    shortest = std::min(shortest, value.size());
    shared.prefix = std::min(shared.prefix, shortest);
    shared.suffix = std::min(shared.suffix, shortest);
    std::size_t same = 0;
    while (same < shared.prefix && value[same] == first[same]) ++same;
    shared.prefix = same;
    same = 0;
    while (same < shared.suffix &&
           value[value.size() - 1 - same] == first[first.size() - 1 - same]) {
      ++same;
    }
    shared.suffix = same;
    if (shared.prefix == 0 && shared.suffix == 0) return shared;
  }
  shared.suffix = std::min(shared.suffix, shortest - shared.prefix);
  return shared;
}

bool IsNumberByte(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}
bool IsHexByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '-';
}

// Without what may belong to the number between them.
template <class IsCore>
Shared Trimmed(Shared shared, std::string_view value, IsCore is_core) {
  while (shared.prefix > 0 && is_core(value[shared.prefix - 1])) --shared.prefix;
  while (shared.suffix > 0 && is_core(value[value.size() - shared.suffix])) --shared.suffix;
  return shared;
}

std::string_view CoreOf(std::string_view value, Shared around) {
  return value.substr(around.prefix, value.size() - around.prefix - around.suffix);
}

std::optional<std::vector<std::int64_t>> ParseAll(Values values, Shared around, NumberForm form) {
  std::vector<std::int64_t> numbers(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!ParseNumber(form, CoreOf(values[i], around), numbers[i])) return std::nullopt;
  }
  return numbers;
}

void PutAround(std::string_view value, Shared around, std::string& directory) {
  PutString(directory, value.substr(0, around.prefix));
  PutString(directory, value.substr(value.size() - around.suffix));
}

void PutNumbers(std::string_view first, Shared around, NumberForm form, bool from_row_time,
                std::string_view run, std::string& directory, std::string& columns) {
  directory.push_back(static_cast<char>(ColumnKind::kNumber));
  directory.push_back(static_cast<char>(form.kind));
  directory.push_back(static_cast<char>(form.digits));
  directory.push_back(from_row_time ? 1 : 0);
  PutAround(first, around, directory);
  PutSection(run, false, directory, columns);
}

bool EncodeTimestamps(Values values, const RowTimes& times, EncodedColumn& out,
                      std::string& directory, std::string& columns) {
  constexpr std::size_t kSeconds = 19;
  const std::string_view first = values[0];
  if (first.size() < kSeconds || first[4] != '-' || first[10] != 'T') return false;
  std::size_t end = kSeconds;
  if (end < first.size() && first[end] == '.') {
    ++end;
    while (end < first.size() && first[end] >= '0' && first[end] <= '9') ++end;
  }
  const std::size_t digits = end == kSeconds ? 0 : end - kSeconds - 1;
  if (digits > 9) return false;
  const Shared around{.prefix = 0, .suffix = first.size() - end};
  const std::string_view zone = first.substr(end);
  const bool same_zone = std::all_of(values.begin(), values.end(), [zone](std::string_view value) {
    return value.size() >= zone.size() && value.ends_with(zone);
  });
  if (!same_zone) return false;
  const NumberForm form{.kind = NumberKind::kTimestamp,
                        .digits = static_cast<std::uint8_t>(digits)};
  const auto numbers = ParseAll(values, around, form);
  if (!numbers) return false;
  std::vector<std::int64_t> differences(numbers->size());
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    differences[i] = static_cast<std::int64_t>(
        static_cast<std::uint64_t>((*numbers)[i]) -
        static_cast<std::uint64_t>(RowTimeIn(times.times_ns[times.rows[i]], form.digits)));
  }
  const std::string from_row = EncodeRun(differences);
  constexpr std::size_t kNothingSmaller = 32;
  const std::string alone =
      from_row.size() <= kNothingSmaller ? std::string() : EncodeRun(*numbers);
  const bool use_row = alone.empty() || from_row.size() < alone.size();
  out = {.kind = ColumnKind::kNumber, .prefix = around.prefix, .suffix = around.suffix};
  PutNumbers(first, around, form, use_row, use_row ? from_row : alone, directory, columns);
  return true;
}

// The forms that the values might have, from what the first ones look like.
std::vector<NumberForm> NumberForms(Values values, Shared around) {
  bool point = false;
  bool same_size = true;
  std::size_t digits = 0;
  const std::size_t size = CoreOf(values[0], around).size();
  for (const std::string_view value : values) {
    const std::string_view core = CoreOf(value, around);
    same_size = same_size && core.size() == size;
    const std::size_t at = core.find('.');
    if (at == std::string_view::npos) continue;
    point = true;
    digits = std::max(digits, core.size() - at - 1);
  }
  if (digits > kDigitsMax || size > kDigitsMax + 2) return {};
  const auto after_point = static_cast<std::uint8_t>(digits);
  if (point) {
    return {{NumberKind::kFixed, after_point},
            {NumberKind::kShortest, after_point},
            {NumberKind::kPoint, after_point}};
  }
  std::vector<NumberForm> forms = {{NumberKind::kInteger, 0}};
  if (same_size && size <= kDigitsMax && size > 0) {
    forms.push_back({NumberKind::kPadded, static_cast<std::uint8_t>(size)});
  }
  return forms;
}

bool EncodeNumbers(Values values, Shared around, EncodedColumn& out, std::string& directory,
                   std::string& columns) {
  const std::string_view first = CoreOf(values[0], around);
  if (first.empty() || !(IsNumberByte(first.back()) && (IsNumberByte(first[0]) || first[0] == '-')))
    return false;
  for (const NumberForm form : NumberForms(values, around)) {
    const auto numbers = ParseAll(values, around, form);
    if (!numbers) continue;
    out = {.kind = ColumnKind::kNumber, .prefix = around.prefix, .suffix = around.suffix};
    PutNumbers(values[0], around, form, false, EncodeRun(*numbers), directory, columns);
    return true;
  }
  return false;
}

bool EncodeHex(Values values, Shared around, EncodedColumn& out, std::string& directory,
               std::string& columns) {
  const std::string_view first = CoreOf(values[0], around);
  const bool uuid = first.size() == 36 && first[8] == '-';
  if (!uuid && (first.size() < 4 || first.size() % 2 != 0 || first.size() > 2 * kHexBytesMax)) {
    return false;
  }
  for (const bool upper : {false, true}) {
    const HexForm form{.bytes = static_cast<std::uint8_t>(uuid ? 16 : first.size() / 2),
                       .upper = upper,
                       .uuid = uuid};
    std::string bytes;
    bytes.reserve(values.size() * form.bytes);
    const bool all = std::all_of(values.begin(), values.end(), [&](std::string_view value) {
      return ParseHex(form, CoreOf(value, around), bytes);
    });
    if (!all) continue;
    out = {.kind = ColumnKind::kHex, .prefix = around.prefix, .suffix = around.suffix};
    directory.push_back(static_cast<char>(ColumnKind::kHex));
    directory.push_back(static_cast<char>(form.bytes));
    directory.push_back(static_cast<char>((upper ? 1 : 0) | (uuid ? 2 : 0)));
    PutAround(values[0], around, directory);
    PutSection(bytes, false, directory, columns);
    return true;
  }
  return false;
}

void EncodeText(Values values, std::string& directory, std::string& columns) {
  std::string text;
  std::vector<std::int64_t> lengths;
  lengths.reserve(values.size());
  for (const std::string_view value : values) {
    text.append(value);
    lengths.push_back(static_cast<std::int64_t>(value.size()));
  }
  directory.push_back(static_cast<char>(ColumnKind::kText));
  PutSection(EncodeRun(lengths), false, directory, columns);
  PutSection(text, true, directory, columns);
}

}  // namespace

EncodedColumn EncodeColumn(Values values, const RowTimes& times, std::string& directory,
                           std::string& columns) {
  EncodedColumn out;
  if (EncodeDictionary(values, out, directory, columns)) return out;
  if (EncodeTimestamps(values, times, out, directory, columns)) return out;
  const Shared shared = SharedBy(values);
  const Shared number = Trimmed(shared, values[0], IsNumberByte);
  if (EncodeNumbers(values, number, out, directory, columns)) return out;
  const Shared hex = Trimmed(shared, values[0], IsHexByte);
  if (EncodeHex(values, hex, out, directory, columns)) return out;
  EncodeText(values, directory, columns);
  return out;
}

}  // namespace opssight
