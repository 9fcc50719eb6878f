#include "aggregator/promql/syntax/lexer.h"

#include <utility>

#include "aggregator/promql/syntax/words.h"
#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::promql {
namespace {

constexpr bool IsSpace(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr bool IsDigit(char32_t c) {
  return c >= '0' && c <= '9';
}
constexpr bool IsAlpha(char32_t c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool IsAlnum(char32_t c) {
  return IsAlpha(c) || IsDigit(c);
}

}  // namespace

char32_t Lexer::Peek() const {
  return pos_ >= text_.size() ? kEndOfText : DecodeUtf8(text_.substr(pos_)).code;
}

char32_t Lexer::Take() {
  if (pos_ >= text_.size()) {
    width_ = 0;
    return kEndOfText;
  }
  const Rune rune = DecodeUtf8(text_.substr(pos_));
  width_ = static_cast<std::uint32_t>(rune.size);
  pos_ += width_;
  return rune.code;
}

bool Lexer::Accept(std::string_view set) {
  if (pos_ >= text_.size() || set.find(text_[pos_]) == std::string_view::npos) return false;
  ++pos_;
  return true;
}

Token Lexer::Emit(Tok tok) {
  const Token token{tok, start_, text_.substr(start_, pos_ - start_)};
  start_ = pos_;
  return token;
}

Token Lexer::Fail(std::string message) {
  error_ = std::move(message);
  done_ = true;
  return {Tok::kError, start_, {}};
}

Token Lexer::Next() {
  if (!error_.empty()) return {Tok::kError, start_, {}};
  if (done_) return Emit(Tok::kEnd);
  return Scan();
}

Token Lexer::Scan() {
  // Comments are none where a duration expression begins.
  if (in_duration_) {
    while (IsSpace(Peek())) Take();
    start_ = pos_;
    return InDuration();
  }
  SkipSpaceAndComments();
  return brace_open_ ? InBraces() : Statement();
}

void Lexer::SkipSpaceAndComments() {
  for (;;) {
    while (IsSpace(Peek())) Take();
    if (Peek() != '#') break;
    for (char32_t c = Peek(); c != '\n' && c != '\r' && c != kEndOfText; c = Peek()) Take();
  }
  start_ = pos_;
}

Token Lexer::Statement() {
  const char32_t c = Take();
  if (c == kEndOfText) {
    if (paren_depth_ != 0) return Fail("unclosed left parenthesis");
    if (bracket_open_) return Fail("unclosed left bracket");
    done_ = true;
    return Emit(Tok::kEnd);
  }
  if (IsDigit(c) || (c == '.' && IsDigit(Peek()))) {
    Back();
    return NumberOrDuration();
  }
  if (IsAlpha(c) || c == ':') return ColonOrWord(c);
  switch (c) {
    case '"':
    case '\'':
      return String(c);
    case '`':
      return RawString();
    case '=':
    case '!':
    case '<':
    case '>':
      return Comparison(c);
    case '{':
      brace_open_ = true;
      return Emit(Tok::kLeftBrace);
    case '[':
    case ']':
      return Bracket(c);
    case '@':
      return Emit(Tok::kAt);
    default:
      return Punctuation(c);
  }
}

// What is the same outside and inside of [].
Token Lexer::Punctuation(char32_t c) {
  switch (c) {
    case ',':
      return Emit(Tok::kComma);
    case '+':
      return Emit(Tok::kAdd);
    case '-':
      return Emit(Tok::kSub);
    case '*':
      return Emit(Tok::kMul);
    case '/':
      return Emit(Tok::kDiv);
    case '%':
      return Emit(Tok::kMod);
    case '^':
      return Emit(Tok::kPow);
    case '(':
      ++paren_depth_;
      return Emit(Tok::kLeftParen);
    case ')':
      if (paren_depth_ == 0) {
        start_ = pos_;
        return Fail("unexpected right parenthesis ')'");
      }
      --paren_depth_;
      return Emit(Tok::kRightParen);
    default:
      return Fail((in_duration_ ? "unexpected character in duration expression: "
                                : "unexpected character: ") +
                  QuoteGoRune(c));
  }
}

Token Lexer::Comparison(char32_t c) {
  switch (c) {
    case '=':
      if (Peek() == '~') return Fail("unexpected character after '=': '~'");
      return Accept("=") ? Emit(Tok::kEqlc) : Emit(Tok::kEqual);
    case '!':
      if (const char32_t next = Take(); next != '=') {
        return Fail("unexpected character after '!': " + QuoteGoRune(next));
      }
      return Emit(Tok::kNeq);
    case '<':
      if (Accept("=")) return Emit(Tok::kLte);
      return Accept("/") ? Emit(Tok::kTrimUpper) : Emit(Tok::kLss);
    default:
      if (Accept("=")) return Emit(Tok::kGte);
      return Accept("/") ? Emit(Tok::kTrimLower) : Emit(Tok::kGtr);
  }
}

Token Lexer::ColonOrWord(char32_t c) {
  if (!bracket_open_) {
    Back();
    return Word();
  }
  if (c == ':') {
    if (got_colon_) return Fail("unexpected colon ':'");
    got_colon_ = true;
    return Emit(Tok::kColon);
  }
  if (Tok tok{}; ScanDurationWord(tok)) return Emit(tok);
  return Fail("unexpected character: " + QuoteGoRune(c) + ", expected ':'");
}

Token Lexer::Bracket(char32_t c) {
  if (c == '[') {
    if (bracket_open_) return Fail("unexpected left bracket '['");
    got_colon_ = false;
    got_duration_ = false;
    bracket_open_ = true;
    in_duration_ = true;
    return Emit(Tok::kLeftBracket);
  }
  if (!bracket_open_) return Fail("unexpected right bracket ']'");
  bracket_open_ = false;
  in_duration_ = false;
  return Emit(Tok::kRightBracket);
}

Token Lexer::InDuration() {
  const char32_t c = Take();
  if (c == kEndOfText) return Fail("unexpected end of input in duration expression");
  if (c == ']') return Bracket(c);
  if (c == ':') {
    const bool early = !got_duration_;
    if (early || got_colon_) start_ = pos_;
    if (early) return Fail("unexpected colon before duration in duration expression");
    if (got_colon_) return Fail("unexpected repeated colon in duration expression");
    got_colon_ = true;
    return Emit(Tok::kColon);
  }
  if (IsDigit(c) || (c == '.' && IsDigit(Peek()))) {
    Back();
    got_duration_ = true;
    in_duration_ = false;
    return NumberOrDuration();
  }
  if (Tok tok{}; IsAlpha(c) && ScanDurationWord(tok)) {
    got_duration_ = true;
    return Emit(tok);
  }
  return Punctuation(c);
}

// The first letter has been taken.
bool Lexer::ScanDurationWord(Tok& tok) {
  while (IsAlpha(Peek())) Take();
  const auto word = FindWord(text_.substr(start_, pos_ - start_));
  if (word != Tok::kStep && word != Tok::kRange && word != Tok::kMinOf && word != Tok::kMaxOf) {
    return false;
  }
  tok = *word;
  return true;
}

Token Lexer::InBraces() {
  const char32_t c = Take();
  if (IsAlpha(c)) {
    while (IsAlnum(Peek())) Take();
    return Emit(Tok::kIdentifier);
  }
  switch (c) {
    case kEndOfText:
      return Fail("unexpected end of input inside braces");
    case ',':
      return Emit(Tok::kComma);
    case '"':
    case '\'':
      return String(c);
    case '`':
      return RawString();
    case '=':
      return Accept("~") ? Emit(Tok::kEqualRegex) : Emit(Tok::kEqual);
    case '!':
      if (Accept("~")) return Emit(Tok::kNotEqualRegex);
      if (Accept("=")) return Emit(Tok::kNeq);
      return Fail("unexpected character after '!' inside braces: " + QuoteGoRune(Take()));
    case '{':
      return Fail("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      return Emit(Tok::kRightBrace);
    default:
      return Fail("unexpected character inside braces: " + QuoteGoRune(c));
  }
}

Token Lexer::Word() {
  while (IsAlnum(Peek()) || Peek() == ':') Take();
  const std::string_view word = text_.substr(start_, pos_ - start_);
  if (const auto tok = FindWord(word)) {
    // Metrics may be called fill.
    const bool fill = *tok == Tok::kFill || *tok == Tok::kFillLeft || *tok == Tok::kFillRight;
    return Emit(fill && !ParenFollows() ? Tok::kIdentifier : *tok);
  }
  const bool colon = word.find(':') != std::string_view::npos;
  return Emit(colon ? Tok::kMetricIdentifier : Tok::kIdentifier);
}

bool Lexer::ParenFollows() const {
  std::size_t at = pos_;
  while (at < text_.size() && IsSpace(static_cast<unsigned char>(text_[at]))) ++at;
  return at < text_.size() && text_[at] == '(';
}

}  // namespace opssight::promql
