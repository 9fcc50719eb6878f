#include "aggregator/store/logs/json_split.h"

#include <array>
#include <cstring>

#include "common/bytes/hash.h"

namespace opssight {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::uint64_t kRootPath = 0x6f6c7073;

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

constexpr std::array<bool, 256> MakeBare() {
  std::array<bool, 256> bare{};
  for (unsigned c = '0'; c <= '9'; ++c) bare[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) bare[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) bare[c] = true;
  bare['+'] = bare['-'] = bare['.'] = true;
  return bare;
}
constexpr std::array<bool, 256> kBare = MakeBare();

std::size_t ArrayEnd(std::string_view line, std::size_t at) {
  std::size_t depth = 0;
  while (at < line.size()) {
    const char c = line[at++];
    if (c == '"') {
      at = StringEnd(line, at);
      if (at == kNone) return kNone;
      ++at;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax) return kNone;
    } else if (c == ']' || c == '}') {
      if (--depth == 0) return at;
    }
  }
  return kNone;
}

class Splitter {
 public:
  Splitter(std::string_view line, std::vector<JsonValue>& values) : line_(line), values_(values) {}

  bool Run() {
    Blanks();
    if (!Object(kRootPath, 0)) return false;
    Blanks();
    return at_ == line_.size() && !values_.empty();
  }

 private:
  void Blanks() {
    while (at_ < line_.size() && IsBlank(line_[at_])) ++at_;
  }
  bool Take(char c) {
    if (at_ == line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Add(std::size_t end, std::uint64_t path) {
    if (end == kNone || values_.size() == kJsonValuesMax) return false;
    values_.push_back({.begin = static_cast<std::uint32_t>(at_),
                       .end = static_cast<std::uint32_t>(end),
                       .path = path});
    at_ = end;
    return true;
  }

  bool Value(std::uint64_t path, std::size_t depth) {
    if (at_ == line_.size()) return false;
    if (line_[at_] == '{') return depth < kJsonDepthMax && Object(path, depth + 1);
    if (Take('"')) return Add(StringEnd(line_, at_), path) && Take('"');
    return Add(BareEnd(line_, at_), path);
  }

  bool Object(std::uint64_t path, std::size_t depth) {
    if (!Take('{')) return false;
    Blanks();
    if (Take('}')) return true;
    for (;;) {
      Blanks();
      if (!Take('"')) return false;
      const std::size_t end = StringEnd(line_, at_);
      if (end == kNone) return false;
      const std::uint64_t key = Hash64(line_.substr(at_, end - at_), path);
      at_ = end + 1;
      Blanks();
      if (!Take(':')) return false;
      Blanks();
      if (!Value(key, depth)) return false;
      Blanks();
      if (Take('}')) return true;
      if (!Take(',')) return false;
    }
  }

  const std::string_view line_;
  std::vector<JsonValue>& values_;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t StringEnd(std::string_view line, std::size_t at) {
  for (std::size_t from = at; from < line.size();) {
    const void* quote = std::memchr(line.data() + from, '"', line.size() - from);
    if (quote == nullptr) return kNone;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(quote) - line.data());
    std::size_t first = end;  // Of the backslashes before the quote.
    while (first > at && line[first - 1] == '\\') --first;
    if ((end - first) % 2 == 0) return end;
    from = end + 1;
  }
  return kNone;
}

std::size_t BareEnd(std::string_view line, std::size_t at) {
  if (at < line.size() && line[at] == '[') return ArrayEnd(line, at);
  std::size_t end = at;
  while (end < line.size() && kBare[static_cast<unsigned char>(line[end])]) ++end;
  return end == at ? kNone : end;
}

bool SplitJson(std::string_view line, std::vector<JsonValue>& values) {
  values.clear();
  return line.size() <= UINT32_MAX && Splitter(line, values).Run();
}

}  // namespace opssight
