#include "aggregator/query/matcher.h"

#include <algorithm>

#include <re2/re2.h>

namespace opssight {

Result<Matcher> Matcher::Make(MatchType type, std::string name, std::string value) {
  Matcher matcher;
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_dot_nl(true);
    auto regex = std::make_shared<const re2::RE2>("^(?:" + value + ")$", options);
    if (!regex->ok()) return Invalid("error parsing regexp: " + regex->error());
    matcher.regex_ = std::move(regex);
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
