#include "common/codec/expo/expo.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "common/codec/expo/parts.h"
#include "common/text/number.h"

namespace opssight::expo {
namespace {

constexpr std::uint64_t kNormalNanBits = 0x7ff8000000000001ULL;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// from_chars gives no value for what is too small; Go gives 0 or the nearest.
std::optional<double> ParseTiny(std::string_view text) {
  constexpr std::size_t kBytesMax = 400;
  if (text.size() > kBytesMax) return std::nullopt;
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || std::isinf(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> ParseValue(std::string_view text) {
  if (text.empty()) return std::nullopt;
  // The common case: digits with a fraction.
  double value = 0;
  const bool plain = text.front() >= '0' && text.front() <= '9';
  if (plain) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size()) return std::nullopt;
    if (error == std::errc()) return value;
    return ParseTiny(text);
  }
  if (text.find('(') != std::string_view::npos) return std::nullopt;  // "nan(1)" is C's.
  const auto parsed = ParseDouble(text);
  if (parsed) return std::isnan(*parsed) ? std::bit_cast<double>(kNormalNanBits) : *parsed;
  const bool number = text.find_first_not_of("+-.0123456789eE") == std::string_view::npos;
  return number ? ParseTiny(text) : std::nullopt;
}

void AppendCanonical(double value, std::string& out) {
  const std::size_t start = out.size();
  out += FormatGoG(value);
  const bool whole = out.find_first_of(".eNI", start) == std::string::npos;
  if (whole) out += ".0";
}

void Canonicalize(MetricType type, std::vector<LabelView>& labels, Scratch& scratch) {
  const std::string_view wanted = type == MetricType::kHistogram ? "le"
                                  : type == MetricType::kSummary ? "quantile"
                                                                 : "";
  if (wanted.empty()) return;
  for (auto& [name, value] : labels) {
    if (name != wanted) continue;
    const auto number = ParseValue(value);
    if (!number) return;
    std::string& text = scratch.Next();
    AppendCanonical(*number, text);
    if (text != value) value = text;
    return;
  }
}

std::optional<Format> FormatOf(std::string_view content_type) {
  const std::string text = Lower(content_type);
  const std::string_view rest = text;
  const std::string_view type = Trimmed(rest.substr(0, rest.find(';')));
  if (type == "application/openmetrics-text") return Format::kOpenMetrics;
  if (type == "text/plain") return Format::kText;
  if (type != "application/vnd.google.protobuf") return std::nullopt;
  const bool family = text.find("io.prometheus.client.metricfamily") != std::string::npos;
  const bool delimited = text.find("encoding=delimited") != std::string::npos;
  if (family && delimited) return Format::kProtobuf;
  return std::nullopt;
}

Status Parse(std::string_view body, const ParseOptions& options, Visitor& visitor) {
  if (options.format == Format::kProtobuf) return ParseProtobuf(body, options, visitor);
  return ParseText(body, options, visitor);
}

}  // namespace opssight::expo
