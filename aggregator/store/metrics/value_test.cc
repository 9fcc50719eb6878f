#include "aggregator/store/metrics/value_test.h"

#include <algorithm>
#include <optional>

namespace opssight {
namespace {

constexpr std::string_view kMeta = "\\.+*?()|[]{}^$";

bool IsMeta(char c) {
  return kMeta.find(c) != std::string_view::npos;
}

// Takes literal characters (\. and the like are one) off the front of pattern.
std::string TakeLiteral(std::string_view& pattern) {
  std::string literal;
  while (!pattern.empty()) {
    std::size_t size = 1;
    char c = pattern[0];
    if (c == '\\' && pattern.size() > 1 && IsMeta(pattern[1])) {
      c = pattern[1];
      size = 2;
    } else if (IsMeta(c)) {
      break;
    }
    literal.push_back(c);
    pattern.remove_prefix(size);
  }
  return literal;
}

// a|b|c of literals only.
std::optional<std::vector<std::string>> Alternatives(std::string_view pattern) {
  std::vector<std::string> list;
  for (;;) {
    list.push_back(TakeLiteral(pattern));
    if (pattern.empty()) return list;
    if (pattern[0] != '|') return std::nullopt;
    pattern.remove_prefix(1);
  }
}

std::string_view WithoutGroup(std::string_view pattern) {
  if (!pattern.starts_with('(') || !pattern.ends_with(')')) return pattern;
  std::string_view inside = pattern.substr(1, pattern.size() - 2);
  if (inside.starts_with("?:")) inside.remove_prefix(2);
  // Anything that nests is left to the regular expression.
  return inside.find_first_of("()?") == std::string_view::npos ? inside : pattern;
}

// Whether there may be a | outside of all parentheses.
bool MayHaveOuterBar(std::string_view pattern) {
  if (pattern.find('[') != std::string_view::npos) {  // Not parsed here.
    return pattern.find('|') != std::string_view::npos;
  }
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (pattern[i] == '(')
      ++depth;
    else if (pattern[i] == ')')
      --depth;
    else if (pattern[i] == '|' && depth == 0)
      return true;
  }
  return false;
}

// The last character of a literal belongs to a quantifier that follows it.
void DropLastCharacter(std::string& literal) {
  while (!literal.empty() && (static_cast<unsigned char>(literal.back()) & 0xc0) == 0x80) {
    literal.pop_back();
  }
  if (!literal.empty()) literal.pop_back();
}

}  // namespace

ValueTest::ValueTest(const Matcher& matcher) : matcher_(matcher) {
  const MatchType type = matcher.type();
  negative_ = type == MatchType::kNotEqual || type == MatchType::kNotRegex;
  accepts_absent_ = matcher.Matches("");
  if (type == MatchType::kEqual || type == MatchType::kNotEqual) {
    shape_ = Shape::kList;
    literals_ = {matcher.value()};
  } else {
    Analyse(matcher.value());
  }
}

void ValueTest::Analyse(std::string_view pattern) {
  if (auto list = Alternatives(WithoutGroup(pattern))) {
    shape_ = Shape::kList;
    literals_ = *std::move(list);
    return;
  }
  std::string_view rest = pattern;
  std::string literal = TakeLiteral(rest);
  if (rest == ".*" || rest == ".+") {
    shape_ = Shape::kPrefix;
    text_ = std::move(literal);
    longer_by_ = rest == ".+" ? 1 : 0;
    return;
  }
  if (literal.empty() && rest.starts_with(".*")) {
    rest.remove_prefix(2);
    std::string middle = TakeLiteral(rest);
    if (rest == ".*" && !middle.empty()) {
      shape_ = Shape::kContains;
      text_ = std::move(middle);
      return;
    }
  }
  if (MayHaveOuterBar(rest)) literal.clear();  // Other values need not begin with it.
  if (!rest.empty() && rest.find_first_of("*?{+") == 0) DropLastCharacter(literal);
  text_ = std::move(literal);
}

bool ValueTest::Holds(std::string_view value) const {
  switch (shape_) {
    case Shape::kList:
      return std::find(literals_.begin(), literals_.end(), value) != literals_.end();
    case Shape::kPrefix:
      return value.size() >= text_.size() + longer_by_ && value.starts_with(text_);
    case Shape::kContains:
      return value.find(text_) != std::string_view::npos;
    case Shape::kRegex:
      return value.starts_with(text_) && matcher_.Matches(value) != negative_;
  }
  return false;
}

}  // namespace opssight
