#include "aggregator/query/matcher.h"

#include <algorithm>

#include <re2/re2.h>

namespace opssight {
namespace {

std::string_view GoText(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return {};
  }
}

// In the words of Go's regexp, which users of Prometheus and Loki know.
Error RegexError(const re2::RE2& regex) {
  const std::string_view text = GoText(regex.error_code());
  if (text.empty()) return Invalid("error parsing regexp: " + regex.error());
  return Invalid("error parsing regexp: " + std::string(text) + ": `" + regex.error_arg() + "`");
}

}  // namespace

Result<Matcher> Matcher::Make(MatchType type, std::string name, std::string value) {
  Matcher matcher;
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_dot_nl(true);
    // By itself first: `a)|(b` is no expression, whatever is put around it.
    auto regex = std::make_shared<const re2::RE2>(value, options);
    if (!regex->ok()) return RegexError(*regex);
    // With anchors a literal at the beginning is compared before the automaton runs. They do
    // not fit behind all that is one (`\Qa`).
    auto anchored = std::make_shared<const re2::RE2>("^(?:" + value + ")$", options);
    matcher.regex_ = anchored->ok() ? std::move(anchored) : std::move(regex);
  }
  matcher.type_ = type;
  matcher.name_ = std::move(name);
  matcher.value_ = std::move(value);
  return matcher;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegex:
      return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
    case MatchType::kNotRegex:
      return !re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
  }
  return false;
}

bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

}  // namespace opssight
