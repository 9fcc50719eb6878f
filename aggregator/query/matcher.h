// A label matcher of PromQL and LogQL: =, !=, =~, !~. Regular expressions are
// RE2, fully anchored, as in Prometheus and Loki. An absent label is "".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"

namespace re2 {
class RE2;
}

namespace opssight {

enum class MatchType : std::uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };

class Matcher {
 public:
  // kInvalid for a regular expression that does not compile.
  static Result<Matcher> Make(MatchType type, std::string name, std::string value);

  bool Matches(std::string_view value) const;
  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

 private:
  Matcher() = default;
  MatchType type_ = MatchType::kEqual;
  std::string name_;
  std::string value_;
  std::shared_ptr<const re2::RE2> regex_;
};

bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels);

}  // namespace opssight
