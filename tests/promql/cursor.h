// A place in a line of a script, and the words that stand there.
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "common/base/result.h"
#include "common/text/number.h"

namespace opssight::promqltest {

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool end() const { return at_ >= text_.size(); }
  char peek() const { return end() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }
  void Skip(std::size_t bytes) { at_ += bytes; }
  bool Take(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void SkipSpace() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  template <class Of>
  std::string_view TakeWhile(Of of) {
    const std::size_t begin = at_;
    while (!end() && of(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  Error Wrong(std::string_view what) const {
    return Invalid(fmt::format("{} wanted at '{}'", what, rest()));
  }

  // A number with a sign of its own: 1, -2.5e+3, NaN, -Inf.
  Result<double> Number() {
    const std::size_t begin = at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (std::isalpha(static_cast<unsigned char>(peek())) != 0) {
      at_ += 3;  // NaN, Inf.
    } else {
      const auto digits = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
      TakeWhile(digits);
      if (peek() == 'e' || peek() == 'E') {
        ++at_;
        if (peek() == '+' || peek() == '-') ++at_;
        TakeWhile(digits);
      }
    }
    if (at_ > text_.size()) at_ = text_.size();
    const auto number = ParseDouble(text_.substr(begin, at_ - begin));
    if (!number) {
      at_ = begin;
      return Wrong("a number");
    }
    return *number;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace opssight::promqltest
