#include "common/codec/otlp/names.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace opssight::otlp {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kUnits[] = {
    {"d", "days"},          {"h", "hours"},
    {"min", "minutes"},     {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"},
    {"ns", "nanoseconds"},  {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"kBy", "kilobytes"},
    {"MBy", "megabytes"},   {"GBy", "gigabytes"},
    {"TBy", "terabytes"},   {"m", "meters"},
    {"V", "volts"},         {"A", "amperes"},
    {"J", "joules"},        {"W", "watts"},
    {"g", "grams"},         {"Cel", "celsius"},
    {"Hz", "hertz"},        {"1", ""},
    {"%", "percent"},
};
constexpr Pair kPerUnits[] = {{"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
                              {"w", "week"},   {"mo", "month"}, {"y", "year"}};

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Runs of letters, digits and colons.
std::vector<std::string> Tokens(std::string_view name) {
  std::vector<std::string> tokens;
  bool inside = false;
  for (const char c : name) {
    const bool keeps = IsAlnum(c) || c == ':';
    if (keeps && !inside) tokens.emplace_back();
    if (keeps) tokens.back().push_back(c);
    inside = keeps;
  }
  return tokens;
}

std::string Joined(const std::vector<std::string>& tokens) {
  std::string out;
  for (const std::string& token : tokens) {
    if (!out.empty()) out.push_back('_');
    out += token;
  }
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The word for a unit; "" for {annotations}; an unknown one as it is, made a name.
template <std::size_t N>
std::string UnitWord(std::string_view unit, const Pair (&known)[N]) {
  unit = Trimmed(unit);
  if (unit.find_first_of("{}") != std::string_view::npos) return {};
  for (const auto& [symbol, word] : known) {
    if (symbol == unit) return std::string(word);
  }
  return Joined(Tokens(unit));
}

void AppendOnce(std::vector<std::string>& tokens, std::string_view prefix, std::string word) {
  if (word.empty() || std::find(tokens.begin(), tokens.end(), word) != tokens.end()) return;
  tokens.push_back(std::string(prefix) + std::move(word));
}

void MoveToEnd(std::vector<std::string>& tokens, const std::string& word) {
  tokens.erase(std::remove(tokens.begin(), tokens.end(), word), tokens.end());
  tokens.push_back(word);
}

struct UnitWords {
  std::string main;
  std::string per;
};

UnitWords WordsOf(std::string_view unit) {
  const std::size_t slash = unit.find('/');
  UnitWords words{.main = UnitWord(unit.substr(0, slash), kUnits), .per = {}};
  if (slash != std::string_view::npos) words.per = UnitWord(unit.substr(slash + 1), kPerUnits);
  return words;
}

std::string EscapedWithSuffixes(std::vector<std::string> tokens, std::string_view unit,
                                bool monotonic_sum, bool gauge) {
  UnitWords words = WordsOf(unit);
  AppendOnce(tokens, "", std::move(words.main));
  AppendOnce(tokens, "per_", std::move(words.per));
  if (monotonic_sum) MoveToEnd(tokens, "total");
  if (gauge && unit == "1") MoveToEnd(tokens, "ratio");
  return Joined(tokens);
}

// Takes "_suffix" off the end, and what else separates it.
void CutSuffix(std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return;
  name.resize(name.size() - suffix.size());
  if (!name.empty() && !IsAlnum(name.back())) name.pop_back();
}

// Characters stay as they are; suffixes stand once, at the end.
std::string PlainWithSuffixes(std::string name, std::string_view unit, bool monotonic_sum,
                              bool gauge) {
  const UnitWords words = WordsOf(unit);
  const bool ratio = gauge && unit == "1";
  if (monotonic_sum) CutSuffix(name, "total");
  if (ratio) CutSuffix(name, "ratio");
  const std::string per = words.per.empty() ? "" : "per_" + words.per;
  if (!per.empty()) CutSuffix(name, per);
  if (!words.main.empty() && !name.ends_with(words.main)) name += "_" + words.main;
  if (!per.empty()) name += "_" + per;
  if (ratio) name += "_ratio";
  if (monotonic_sum) name += "_total";
  return name;
}

// What is no name character becomes one underscore a run; underscores stay.
std::string Escaped(std::string_view name) {
  std::string out;
  bool pending = false;
  for (const char c : name) {
    if (!IsAlnum(c) && c != ':' && c != '_') {
      pending = true;
      continue;
    }
    if (pending && !out.empty()) out.push_back('_');
    pending = false;
    out.push_back(c);
  }
  return out;
}

void CollapseUnderscores(std::string& text) {
  text.erase(
      std::unique(text.begin(), text.end(), [](char a, char b) { return a == '_' && b == '_'; }),
      text.end());
}

}  // namespace

std::optional<std::string> MetricName(std::string_view name, std::string_view unit,
                                      bool monotonic_sum, bool gauge,
                                      const OtlpTranslation& translation) {
  if (name.empty()) return std::nullopt;
  if (!translation.escapes()) {
    if (!translation.suffixes()) return std::string(name);
    return PlainWithSuffixes(std::string(name), unit, monotonic_sum, gauge);
  }
  std::vector<std::string> tokens = Tokens(name);
  if (tokens.empty()) return std::nullopt;
  std::string out = translation.suffixes()
                        ? EscapedWithSuffixes(std::move(tokens), unit, monotonic_sum, gauge)
                        : Escaped(name);
  if (IsDigit(out.front())) out.insert(0, 1, '_');
  return out;
}

std::optional<std::string> LabelName(std::string_view key, const OtlpTranslation& translation) {
  if (key.find_first_not_of('_') == std::string_view::npos) return std::nullopt;
  if (!translation.escapes()) return std::string(key);
  std::string out;
  out.reserve(key.size() + 4);
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) == 0x80U) continue;  // One underscore for a character, not for a byte.
    out.push_back(IsAlnum(c) ? c : '_');
  }
  const bool reserved = out.starts_with("__") && out.ends_with("__");
  if (!translation.label_preserve_multiple_underscores && !reserved) CollapseUnderscores(out);
  if (out.find_first_not_of('_') == std::string::npos) return std::nullopt;
  if (IsDigit(out.front())) return "key_" + out;
  const bool single = out.front() == '_' && out[1] != '_';
  if (translation.label_underscore_sanitization && single) return "key" + out;
  return out;
}

std::string UnitName(std::string_view unit) {
  UnitWords words = WordsOf(unit);
  if (words.per.empty()) return std::move(words.main);
  return words.main.empty() ? "per_" + words.per : words.main + "_per_" + words.per;
}

std::string FormatFixed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  const auto result =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return {buffer, result.ptr};
}

}  // namespace opssight::otlp
