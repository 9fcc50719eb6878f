#include "aggregator/store/logs/column_read.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/bytes/varint.h"

namespace opssight {
namespace {

// Sets of more bytes than these do not occur in numbers, times and hex.
bool IsCoreByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
         std::string_view(".:+-TZ").find(c) != std::string_view::npos;
}

constexpr std::size_t kNumberTextMax = 32;

bool TakeByte(std::string_view& bytes, unsigned limit, std::uint8_t& out) {
  if (bytes.empty()) return false;
  out = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  return out < limit;
}

}  // namespace

bool Passes(ColumnTest test, std::string_view value, std::string_view text) {
  switch (test) {
    case ColumnTest::kEquals:
      return value == text;
    case ColumnTest::kBegins:
      return value.starts_with(text);
    case ColumnTest::kEnds:
      return value.ends_with(text);
    case ColumnTest::kContains:
      return value.find(text) != std::string_view::npos;
  }
  return false;
}

Result<ColumnReader> ColumnReader::Parse(std::string_view& directory, std::size_t& at,
                                         std::string_view sections) {
  ColumnReader column;
  column.sections_ = sections;
  OPS_RETURN_IF_ERROR(column.ParseEntry(directory, at));
  return column;
}

Status ColumnReader::ParseEntry(std::string_view& directory, std::size_t& at) {
  std::uint8_t kind = 0;
  if (!TakeByte(directory, kColumnKinds, kind)) return BadLogBlock("kind of column");
  kind_ = static_cast<ColumnKind>(kind);
  if (kind_ == ColumnKind::kNumber) {
    std::uint8_t number = 0;
    std::uint8_t from_row_time = 0;
    if (!TakeByte(directory, kNumberKinds, number) ||
        !TakeByte(directory, kDigitsMax + 1, number_.digits) ||
        !TakeByte(directory, 2, from_row_time)) {
      return BadLogBlock("number column");
    }
    number_.kind = static_cast<NumberKind>(number);
    from_row_time_ = from_row_time != 0;
    const bool time = number_.kind == NumberKind::kTimestamp;
    if ((time && number_.digits > 9) || (from_row_time_ && !time))
      return BadLogBlock("time column");
  } else if (kind_ == ColumnKind::kHex) {
    std::uint8_t flags = 0;
    if (!TakeByte(directory, kHexBytesMax + 1, hex_.bytes) || !TakeByte(directory, 4, flags) ||
        hex_.bytes == 0) {
      return BadLogBlock("hex column");
    }
    hex_.upper = (flags & 1) != 0;
    hex_.uuid = (flags & 2) != 0;
    if (hex_.uuid && hex_.bytes != 16) return BadLogBlock("uuid column");
  }
  if (kind_ == ColumnKind::kConst || kind_ == ColumnKind::kNumber || kind_ == ColumnKind::kHex) {
    const auto prefix = GetString(directory);
    if (!prefix) return BadLogBlock("short column");
    prefix_ = *prefix;
    if (kind_ == ColumnKind::kConst) return {};
    const auto suffix = GetString(directory);
    if (!suffix) return BadLogBlock("short column");
    suffix_ = *suffix;
  }
  OPS_TRY(first_, GetSection(directory, at, sections_));
  if (kind_ == ColumnKind::kDictionary || kind_ == ColumnKind::kText) {
    OPS_TRY(second_, GetSection(directory, at, sections_));
  }
  return {};
}

Status ColumnReader::Load(const std::vector<std::int64_t>& times_ns, DecodeBudget& budget) {
  if (loaded_) return {};
  switch (kind_) {
    case ColumnKind::kConst:
      break;
    case ColumnKind::kDictionary:
      OPS_RETURN_IF_ERROR(LoadDictionary(budget));
      break;
    case ColumnKind::kNumber:
      OPS_RETURN_IF_ERROR(LoadNumbers(times_ns, budget));
      break;
    case ColumnKind::kHex: {
      OPS_TRY(bytes_, OpenSection(first_, sections_, budget));
      if (bytes_.size() != count_ * hex_.bytes) return BadLogBlock("hex column of another length");
      break;
    }
    case ColumnKind::kText:
      OPS_RETURN_IF_ERROR(LoadText(budget));
      break;
  }
  loaded_ = true;
  return {};
}

Status ColumnReader::LoadDictionary(DecodeBudget& budget) {
  OPS_TRY(const std::string entries, OpenSection(first_, sections_, budget));
  OPS_TRY(codes_, OpenSection(second_, sections_, budget));
  for (std::string_view rest = entries; !rest.empty();) {
    const auto entry = GetString(rest);
    if (!entry || ends_.size() == kDictionaryMax) return BadLogBlock("dictionary");
    bytes_.append(*entry);
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  if (codes_.size() != count_) return BadLogBlock("dictionary column of another length");
  for (const char code : codes_) {
    if (static_cast<unsigned char>(code) >= ends_.size()) return BadLogBlock("code");
  }
  return {};
}

Status ColumnReader::LoadNumbers(const std::vector<std::int64_t>& times_ns, DecodeBudget& budget) {
  OPS_TRY(const std::string run, OpenSection(first_, sections_, budget));
  OPS_TRY(numbers_, DecodeRun(run, count_, budget));
  if (!from_row_time_) return {};
  if (times_ns.size() != count_) return BadLogBlock("times of another length");
  for (std::size_t i = 0; i < count_; ++i) {
    numbers_[i] = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(numbers_[i]) +
        static_cast<std::uint64_t>(RowTimeIn(times_ns[i], number_.digits)));
  }
  return {};
}

Status ColumnReader::LoadText(DecodeBudget& budget) {
  OPS_TRY(const std::string run, OpenSection(first_, sections_, budget));
  OPS_TRY(const std::vector<std::int64_t> lengths, DecodeRun(run, count_, budget));
  OPS_TRY(bytes_, OpenSection(second_, sections_, budget));
  if (bytes_.size() > std::numeric_limits<std::uint32_t>::max()) return BadLogBlock("long text");
  ends_.reserve(count_);
  std::size_t end = 0;
  for (const std::int64_t length : lengths) {
    if (length < 0 || static_cast<std::uint64_t>(length) > bytes_.size() - end) {
      return BadLogBlock("length of a text");
    }
    end += static_cast<std::size_t>(length);
    ends_.push_back(static_cast<std::uint32_t>(end));
  }
  if (end != bytes_.size()) return BadLogBlock("text column of another length");
  return {};
}

std::string_view ColumnReader::TextOf(std::size_t i) const {
  const std::size_t start = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(start, ends_[i] - start);
}

void ColumnReader::Append(std::size_t i, std::string& out) const {
  switch (kind_) {
    case ColumnKind::kConst:
      out.append(prefix_);
      return;
    case ColumnKind::kDictionary:
      out.append(TextOf(static_cast<unsigned char>(codes_[i])));
      return;
    case ColumnKind::kText:
      out.append(TextOf(i));
      return;
    case ColumnKind::kNumber:
      out.append(prefix_);
      PrintNumber(number_, numbers_[i], out);
      out.append(suffix_);
      return;
    case ColumnKind::kHex:
      out.append(prefix_);
      PrintHex(hex_, bytes_.data() + i * hex_.bytes, out);
      out.append(suffix_);
      return;
  }
}

bool ColumnReader::MayPass(ColumnTest test, std::string_view text) const {
  if (kind_ == ColumnKind::kConst) return Passes(test, prefix_, text);
  if (kind_ != ColumnKind::kNumber && kind_ != ColumnKind::kHex) return true;
  const std::size_t around = prefix_.size() + suffix_.size();
  const std::size_t longest =
      around + (kind_ == ColumnKind::kHex ? hex_.text_size() : kNumberTextMax);
  if (text.size() > longest) return false;
  if (test == ColumnTest::kEquals && kind_ == ColumnKind::kHex && text.size() != longest) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [this](char c) {
    return IsCoreByte(c) || prefix_.find(c) != std::string::npos ||
           suffix_.find(c) != std::string::npos;
  });
}

bool ColumnReader::Match(ColumnTest test, std::string_view text,
                         std::vector<std::uint8_t>& passed) const {
  passed.assign(count_, 0);
  if (!MayPass(test, text)) return false;
  if (kind_ == ColumnKind::kConst) {
    std::fill(passed.begin(), passed.end(), std::uint8_t{1});
    return count_ != 0;
  }
  if (kind_ == ColumnKind::kDictionary) return MatchDictionary(test, text, passed);
  if (kind_ == ColumnKind::kText && test == ColumnTest::kContains && !text.empty()) {
    return FindInText(text, passed);
  }
  if (kind_ == ColumnKind::kHex &&
      text.size() == prefix_.size() + hex_.text_size() + suffix_.size()) {
    // As long as the values: each test asks for the value itself.
    if (!text.starts_with(prefix_) || !text.ends_with(suffix_)) return false;
    std::string core;
    if (!ParseHex(hex_, text.substr(prefix_.size(), hex_.text_size()), core)) return false;
    return MatchHex(core, passed);
  }
  if (kind_ == ColumnKind::kNumber && test == ColumnTest::kEquals) return MatchNumber(text, passed);
  bool any = false;
  std::string value;
  for (std::size_t i = 0; i < count_; ++i) {
    if (kind_ != ColumnKind::kText) {
      value.clear();
      Append(i, value);
    }
    if (!Passes(test, kind_ == ColumnKind::kText ? TextOf(i) : std::string_view(value), text)) {
      continue;
    }
    passed[i] = 1;
    any = true;
  }
  return any;
}

bool ColumnReader::MatchDictionary(ColumnTest test, std::string_view text,
                                   std::vector<std::uint8_t>& passed) const {
  std::vector<std::uint8_t> of_code(ends_.size());
  bool any = false;
  for (std::size_t code = 0; code < ends_.size(); ++code) {
    of_code[code] = Passes(test, TextOf(code), text) ? 1 : 0;
    any = any || of_code[code] != 0;
  }
  if (!any) return false;
  for (std::size_t i = 0; i < count_; ++i) {
    passed[i] = of_code[static_cast<unsigned char>(codes_[i])];
  }
  return true;
}

bool ColumnReader::MatchHex(std::string_view core, std::vector<std::uint8_t>& passed) const {
  bool any = false;
  const char* at = bytes_.data();
  for (std::size_t i = 0; i < count_; ++i, at += core.size()) {
    if (*at != core[0] || std::memcmp(at, core.data(), core.size()) != 0) continue;
    passed[i] = 1;
    any = true;
  }
  return any;
}

// Equal texts are equal numbers: a text that is not as printed equals no value.
bool ColumnReader::MatchNumber(std::string_view text, std::vector<std::uint8_t>& passed) const {
  if (text.size() < prefix_.size() + suffix_.size() || !text.starts_with(prefix_) ||
      !text.ends_with(suffix_)) {
    return false;
  }
  text = text.substr(prefix_.size(), text.size() - prefix_.size() - suffix_.size());
  std::int64_t number = 0;
  if (!ParseNumber(number_, text, number)) return false;
  bool any = false;
  for (std::size_t i = 0; i < count_; ++i) {
    passed[i] = numbers_[i] == number ? 1 : 0;
    any = any || passed[i] != 0;
  }
  return any;
}

bool ColumnReader::FindInText(std::string_view text, std::vector<std::uint8_t>& passed) const {
  bool any = false;
  for (std::size_t from = 0; from < bytes_.size();) {
    const void* hit = memmem(bytes_.data() + from, bytes_.size() - from, text.data(), text.size());
    if (hit == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - bytes_.data());
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), at);
    if (at + text.size() > *end) {  // Over the end of one text into the next.
      from = at + 1;
      continue;
    }
    passed[static_cast<std::size_t>(end - ends_.begin())] = 1;
    any = true;
    from = *end;
  }
  return any;
}

}  // namespace opssight
