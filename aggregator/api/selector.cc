#include "aggregator/api/selector.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "common/text/number.h"
#include "common/text/units.h"

namespace opssight {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

class Scanner {
 public:
  Scanner(std::string_view text, bool loki) : text_(text), loki_(loki) {}

  Error Fail(std::string_view what) const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text_.substr(0, at_)) {
      ++column;
      if (c == '\n') {
        ++line;
        column = 1;
      }
    }
    return Invalid(loki_ ? fmt::format("parse error at line {}, col {}: {}", line, column, what)
                         : fmt::format("{}:{}: parse error: {}", line, column, what));
  }

  void Space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool AtEnd() {
    Space();
    return at_ == text_.size();
  }
  char Peek() {
    Space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(std::string_view token) {
    Space();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  std::string_view Name(bool colon) {
    Space();
    const std::size_t start = at_;
    while (at_ < text_.size() && (IsNameStart(text_[at_]) || (colon && text_[at_] == ':') ||
                                  (at_ > start && IsDigit(text_[at_])))) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }
  std::string_view Until(char end) {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != end) ++at_;
    return text_.substr(start, at_ - start);
  }

  Result<std::string> Quoted() {
    const char quote = Peek();
    if (quote != '"' && quote != '`' && (quote != '\'' || loki_)) return Fail("expected a string");
    ++at_;
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\' || quote == '`') {
        out.push_back(text_[at_++]);
        continue;
      }
      OPS_RETURN_IF_ERROR(Escape(out));
    }
    if (at_ == text_.size()) return Fail("unterminated quoted string");
    ++at_;
    return out;
  }

  Result<std::vector<Matcher>> Matchers() {
    std::vector<Matcher> matchers;
    if (!Take("{")) return Fail("expected {");
    while (!Take("}")) {
      if (!matchers.empty() && !Take(",")) return Fail("expected , or } in label matching");
      if (Take("}")) break;
      std::string name;
      if (!loki_ && (Peek() == '"' || Peek() == '\'')) {
        OPS_TRY(name, Quoted());
        if (Peek() == ',' || Peek() == '}') {  // {"metric name"}
          OPS_TRY(Matcher metric,
                  Matcher::Make(MatchType::kEqual, std::string(kMetricName), std::move(name)));
          matchers.push_back(std::move(metric));
          continue;
        }
      } else {
        name = Name(false);
        if (name.empty()) return Fail("expected a label name");
      }
      MatchType type = MatchType::kEqual;
      if (Take("=~")) {
        type = MatchType::kRegex;
      } else if (Take("!~")) {
        type = MatchType::kNotRegex;
      } else if (Take("!=")) {
        type = MatchType::kNotEqual;
      } else if (!Take("=")) {
        return Fail("expected =, !=, =~ or !~");
      }
      OPS_TRY(std::string value, Quoted());
      auto matcher = Matcher::Make(type, std::move(name), std::move(value));
      if (!matcher) return Fail(matcher.error().message);
      matchers.push_back(*std::move(matcher));
    }
    return matchers;
  }

 private:
  Status Escape(std::string& out) {
    ++at_;
    if (at_ == text_.size()) return Fail("unterminated quoted string");
    const char c = text_[at_++];
    constexpr std::string_view kNames = "abfnrtv\\\"'";
    constexpr std::string_view kMeant = "\a\b\f\n\r\t\v\\\"'";
    if (const std::size_t known = kNames.find(c); known != kNames.npos) {
      out.push_back(kMeant[known]);
      return {};
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    const auto code = ParseInt<std::uint32_t>(text_.substr(at_, digits), 16);
    if (digits == 0 || !code || at_ + digits > text_.size() || *code > 0x10ffff) {
      return Fail("unknown escape sequence");
    }
    at_ += digits;
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c == 'x' || *code < 0x80) {
      put(*code);
    } else if (*code < 0x800) {
      put(0xc0 | (*code >> 6));
      put(0x80 | (*code & 0x3f));
    } else if (*code < 0x10000) {
      put(0xe0 | (*code >> 12));
      put(0x80 | ((*code >> 6) & 0x3f));
      put(0x80 | (*code & 0x3f));
    } else {
      put(0xf0 | (*code >> 18));
      put(0x80 | ((*code >> 12) & 0x3f));
      put(0x80 | ((*code >> 6) & 0x3f));
      put(0x80 | (*code & 0x3f));
    }
    return {};
  }

  const std::string_view text_;
  const bool loki_;
  std::size_t at_ = 0;
};

Status NeedNonEmpty(const Scanner& scanner, const std::vector<Matcher>& matchers) {
  const bool any = std::any_of(matchers.begin(), matchers.end(),
                               [](const Matcher& matcher) { return !matcher.Matches(""); });
  if (any) return {};
  return scanner.Fail("a selector must contain at least one non-empty matcher");
}

}  // namespace

Result<std::int64_t> ParseDurationMs(std::string_view text) {
  const auto duration_ms = ParsePromDurationMs(text);
  if (duration_ms && *duration_ms <= INT64_MAX / 4'000'000) return *duration_ms;
  return Invalid(fmt::format("not a valid duration string: \"{}\"", text));
}

Result<MetricSelector> ParseMetricSelector(std::string_view text) {
  constexpr std::string_view kBeyond =
      "only a plain selector is supported: name{label=\"value\"} or name{label=\"value\"}[5m]";
  Scanner scanner(text, false);
  MetricSelector selector;
  if (scanner.AtEnd()) return scanner.Fail("no expression found in input");
  const std::string name(scanner.Name(true));
  if (scanner.Peek() == '{') {
    OPS_TRY(selector.matchers, scanner.Matchers());
  } else if (name.empty()) {
    return scanner.Fail(kBeyond);
  }
  if (!name.empty()) {
    for (const Matcher& matcher : selector.matchers) {
      if (matcher.name() == kMetricName) return scanner.Fail("metric name must not be set twice");
    }
    OPS_TRY(Matcher metric, Matcher::Make(MatchType::kEqual, std::string(kMetricName), name));
    selector.matchers.push_back(std::move(metric));
  }
  OPS_RETURN_IF_ERROR(NeedNonEmpty(scanner, selector.matchers));
  if (scanner.Take("[")) {
    auto range = ParseDurationMs(scanner.Until(']'));
    if (!range) return scanner.Fail(range.error().message);
    if (*range <= 0) return scanner.Fail("duration must be greater than 0");
    selector.range_ms = *range;
    if (!scanner.Take("]")) return scanner.Fail("missing ]");
  }
  if (!scanner.AtEnd()) return scanner.Fail(kBeyond);
  return selector;
}

Result<LogSelector> ParseLogSelector(std::string_view text) {
  constexpr std::string_view kBeyond =
      "only a stream selector with |= and != filters is supported: {label=\"value\"} |= \"text\"";
  Scanner scanner(text, true);
  LogSelector selector;
  if (scanner.Peek() != '{') return scanner.Fail(kBeyond);
  OPS_TRY(selector.matchers, scanner.Matchers());
  OPS_RETURN_IF_ERROR(NeedNonEmpty(scanner, selector.matchers));
  while (!scanner.AtEnd()) {
    LineFilter filter;
    if (scanner.Take("!=")) {
      filter.want = false;
    } else if (!scanner.Take("|=")) {
      return scanner.Fail(kBeyond);
    }
    OPS_TRY(filter.text, scanner.Quoted());
    selector.filters.push_back(std::move(filter));
  }
  return selector;
}

}  // namespace opssight
