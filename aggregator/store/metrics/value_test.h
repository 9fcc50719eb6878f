// A matcher as a test of a label's values, quicker than its regular expression where
// that is plain text in disguise: `a|b|c` and `(a|b)` are a list of values, `x.*` a
// prefix, `.*x.*` a substring; any other with a literal beginning is run only on
// values that begin so. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aggregator/query/matcher.h"

namespace opssight {

class ValueTest {
 public:
  explicit ValueTest(const Matcher& matcher);

  bool Accepts(std::string_view value) const { return Holds(value) != negative_; }
  bool accepts_absent() const { return accepts_absent_; }  // An absent label is "".
  // Whether only the values of literals() can make it hold; negative() then turns it.
  bool is_list() const { return shape_ == Shape::kList; }
  const std::vector<std::string>& literals() const { return literals_; }
  bool negative() const { return negative_; }
  const Matcher& matcher() const { return matcher_; }

 private:
  enum class Shape { kList, kPrefix, kContains, kRegex };
  bool Holds(std::string_view value) const;
  void Analyse(std::string_view pattern);

  Matcher matcher_;
  bool negative_ = false;
  bool accepts_absent_ = false;
  Shape shape_ = Shape::kRegex;
  std::vector<std::string> literals_;
  std::string text_;           // kPrefix, kContains, kRegex (its literal beginning).
  std::size_t longer_by_ = 0;  // kPrefix: at least so many bytes after it.
};

}  // namespace opssight
