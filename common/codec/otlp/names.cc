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

}  // namespace

std::optional<std::string> MetricName(std::string_view name, std::string_view unit,
                                      bool monotonic_sum, bool gauge) {
  std::vector<std::string> tokens = Tokens(name);
  if (tokens.empty()) return std::nullopt;
  const std::size_t slash = unit.find('/');
  AppendOnce(tokens, "", UnitWord(unit.substr(0, slash), kUnits));
  if (slash != std::string_view::npos) {
    AppendOnce(tokens, "per_", UnitWord(unit.substr(slash + 1), kPerUnits));
  }
  if (monotonic_sum) MoveToEnd(tokens, "total");
  if (gauge && unit == "1") MoveToEnd(tokens, "ratio");
  std::string out = Joined(tokens);
  if (IsDigit(out.front())) out.insert(0, 1, '_');
  return out;
}

std::optional<std::string> LabelName(std::string_view key) {
  if (key.empty()) return std::nullopt;
  std::string out;
  out.reserve(key.size() + 4);
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto byte = static_cast<unsigned char>(key[i]);
    if ((byte & 0xc0U) == 0x80U) continue;  // One underscore for a character, not for a byte.
    out.push_back(IsAlnum(key[i]) ? key[i] : '_');
  }
  if (out.find_first_not_of('_') == std::string::npos) return std::nullopt;
  if (IsDigit(out.front())) return "key_" + out;
  if (out.front() == '_' && out[1] != '_') return "key" + out;
  return out;
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
