#include "aggregator/api/selector.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "common/text/quote.h"
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
  explicit Scanner(std::string_view text) : text_(text) {}

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
    return Invalid(fmt::format("parse error at line {}, col {}: {}", line, column, what));
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
  std::string_view Name() {
    Space();
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (IsNameStart(text_[at_]) || (at_ > start && IsDigit(text_[at_])))) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  Result<std::string> Quoted() {
    const char quote = Peek();
    if (quote != '"' && quote != '`') return Fail("expected a string");
    const std::size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != quote)
      at_ += text_[at_] == '\\' && quote == '"' ? 2 : 1;
    if (at_ >= text_.size()) {
      at_ = text_.size();
      return Fail("unterminated quoted string");
    }
    auto unquoted = UnquoteGo(text_.substr(start, ++at_ - start));
    if (!unquoted) return Fail("unknown escape sequence");
    return *std::move(unquoted);
  }

  Result<std::vector<Matcher>> Matchers() {
    std::vector<Matcher> matchers;
    if (!Take("{")) return Fail("expected {");
    while (!Take("}")) {
      if (!matchers.empty() && !Take(",")) return Fail("expected , or } in label matching");
      if (Take("}")) break;
      std::string name(Name());
      if (name.empty()) return Fail("expected a label name");
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
  const std::string_view text_;
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

Result<LogSelector> ParseLogSelector(std::string_view text) {
  constexpr std::string_view kBeyond =
      "only a stream selector with |= and != filters is supported: {label=\"value\"} |= \"text\"";
  Scanner scanner(text);
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
