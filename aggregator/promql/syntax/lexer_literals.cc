// The lexer's numbers, durations and strings.
#include "aggregator/promql/syntax/lexer.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::promql {
namespace {

constexpr std::string_view kDecimal = "0123456789";
constexpr std::string_view kHexadecimal = "0123456789abcdefABCDEF";

constexpr bool IsAlnum(char32_t c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char32_t DigitValue(char32_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

}  // namespace

Token Lexer::NumberOrDuration() {
  if (ScanNumber()) return Emit(Tok::kNumber);
  if (ScanRestOfDuration()) return Emit(Tok::kDuration);
  return Fail("bad number or duration syntax: " + QuoteGo(text_.substr(start_, pos_ - start_)));
}

// Reads on as far as it looks like a number; whether it is one, the parser finds out.
bool Lexer::ScanNumber() {
  const std::uint32_t begin = pos_;
  std::string_view digits = kDecimal;
  if (Accept("0") && Accept("xX")) {
    Accept("_");
    digits = kHexadecimal;
  }
  Accept(".");
  Accept(digits);
  if (!ScanDigits(digits) || pos_ == begin) return false;
  return !IsAlnum(Peek());
}

// [d._eE]*, with no second dot or exponent and no _ at an end.
bool Lexer::ScanDigits(std::string_view digits) {
  const auto at_end = [&] { return pos_ >= text_.size(); };
  bool dot = false;
  bool exponent = false;
  for (;;) {
    if (Accept(".")) {
      if (dot || Accept("_.") || digits == kHexadecimal) return false;
      dot = true;
    } else if (digits == kDecimal && Accept("eE")) {
      if (exponent) return false;
      exponent = true;
      Accept("+-");
      if (Accept("._eE") || at_end()) return false;
    } else if (Accept("_")) {
      if (Accept("._eE") || at_end()) return false;
    } else if (!Accept(digits)) {
      return true;
    }
  }
}

// Of 1h30m behind its first digits. The units' order is the parser's to check.
bool Lexer::ScanRestOfDuration() {
  if (!Accept("smhdwy")) return false;
  Accept("s");
  while (Accept(kDecimal)) {
    while (Accept(kDecimal)) {
    }
    if (!Accept("smhdw")) return false;
    Accept("s");
  }
  if (!IsAlnum(Peek())) return true;
  Take();  // The message shows it.
  return false;
}

Token Lexer::String(char32_t quote) {
  for (;;) {
    const char32_t c = Take();
    if (c == quote) return Emit(Tok::kString);
    if (c == '\\') {
      if (!Escape(quote)) return {Tok::kError, start_, {}};
    } else if (c == kReplacement) {
      return Fail("invalid UTF-8 rune");
    } else if (c == kEndOfText || c == '\n') {
      return Fail("unterminated quoted string");
    }
  }
}

Token Lexer::RawString() {
  for (;;) {
    const char32_t c = Take();
    if (c == '`') return Emit(Tok::kString);
    if (c == kReplacement) return Fail("invalid UTF-8 rune");
    if (c == kEndOfText) return Fail("unterminated raw string");
  }
}

// Behind a backslash. False: failed.
bool Lexer::Escape(char32_t quote) {
  const char32_t c = Take();
  if (c == quote) return true;
  switch (c) {
    case 'a':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v':
    case '\\':
      return true;
    case 'x':
      return NumberEscape(Take(), 2, 16, 0xff);
    case 'u':
      return NumberEscape(Take(), 4, 16, 0x10ffff);
    case 'U':
      return NumberEscape(Take(), 8, 16, 0x10ffff);
    case kEndOfText:
      Fail("escape sequence not terminated");
      return false;
    default:
      if (c >= '0' && c <= '7') return NumberEscape(c, 3, 8, 0xff);
      Fail("unknown escape sequence " + DescribeRune(c));
      return false;
  }
}

bool Lexer::NumberEscape(char32_t first, int digits, char32_t base, char32_t max) {
  char32_t value = 0;
  char32_t c = first;
  for (int i = 0; i < digits; ++i) {
    if (i > 0) c = Take();
    const char32_t digit = DigitValue(c);
    if (digit >= base) {
      Fail(c == kEndOfText ? "escape sequence not terminated"
                           : "illegal character " + DescribeRune(c) + " in escape sequence");
      return false;
    }
    value = value * base + digit;
  }
  if (value <= max && (value < 0xd800 || value >= 0xe000)) return true;
  Fail("escape sequence is an invalid Unicode code point");
  return false;
}

}  // namespace opssight::promql
