// Lexer cuts a query into tokens, on demand. What is no token is Tok::kError; error()
// then says why in Prometheus' words, and nothing comes after it. Comments are left out.
// Words depend on where they stand: inside {} all are names, inside [] only those of
// duration expressions exist.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "aggregator/promql/syntax/token.h"

namespace opssight::promql {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token Next();
  const std::string& error() const { return error_; }

 private:
  static constexpr char32_t kEndOfText = 0xffffffff;

  Token Scan();
  Token Statement();
  Token InBraces();
  Token InDuration();
  Token Punctuation(char32_t c);
  Token Comparison(char32_t c);
  Token ColonOrWord(char32_t c);
  Token Bracket(char32_t c);
  Token Word();
  Token NumberOrDuration();
  Token String(char32_t quote);
  Token RawString();
  bool Escape(char32_t quote);
  bool NumberEscape(char32_t first, int digits, char32_t base, char32_t max);
  bool ScanNumber();
  bool ScanDigits(std::string_view digits);
  bool ScanRestOfDuration();
  bool ScanDurationWord(Tok& tok);
  void SkipSpaceAndComments();
  bool ParenFollows() const;

  char32_t Peek() const;
  char32_t Take();
  void Back() { pos_ -= width_; }
  bool Accept(std::string_view set);
  Token Emit(Tok tok);
  Token Fail(std::string message);

  std::string_view text_;
  std::uint32_t pos_ = 0;
  std::uint32_t start_ = 0;  // Of the token being read.
  std::uint32_t width_ = 0;  // Of the last character taken.
  std::uint32_t paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool in_duration_ = false;  // Inside [], before a number has been read.
  bool got_colon_ = false;
  bool got_duration_ = false;
  bool done_ = false;
  std::string error_;
};

}  // namespace opssight::promql
