#include "common/text/quote.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "common/text/number.h"
#include "common/text/utf8.h"

namespace opssight {
namespace {

struct Escape {
  char letter;
  char byte;
};
constexpr std::array<Escape, 7> kEscapes = {
    {{'a', '\a'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'v', '\v'}}};

struct Block {
  char32_t first;
  char32_t last;
};
// What Go's IsPrint says no to, as far as it is met: controls, spaces other than U+0020,
// marks of direction, surrogates, private use, and what is no character.
constexpr std::array<Block, 14> kNotPrinted = {{{0x00, 0x1f},
                                                {0x7f, 0xa0},
                                                {0xad, 0xad},
                                                {0x61c, 0x61c},
                                                {0x1680, 0x1680},
                                                {0x180e, 0x180e},
                                                {0x2000, 0x200f},
                                                {0x2028, 0x202f},
                                                {0x205f, 0x206f},
                                                {0x3000, 0x3000},
                                                {0xd800, 0xf8ff},
                                                {0xfeff, 0xfeff},
                                                {0xfff0, 0xfffb},
                                                {0xe0000, 0x10ffff}}};

bool Prints(char32_t code) {
  for (const Block& block : kNotPrinted) {
    if (code >= block.first && code <= block.last) return false;
  }
  return (code & 0xfffe) != 0xfffe;
}

void AppendRune(char32_t code, char quote, std::string& out) {
  if (code == static_cast<char32_t>(quote) || code == '\\') {
    out.push_back('\\');
    out.push_back(static_cast<char>(code));
    return;
  }
  if (Prints(code)) {
    AppendUtf8(code, out);
    return;
  }
  for (const Escape& escape : kEscapes) {
    if (code == static_cast<char32_t>(escape.byte)) {
      out.push_back('\\');
      out.push_back(escape.letter);
      return;
    }
  }
  const auto number = static_cast<std::uint32_t>(code);
  if (code < ' ' || code == 0x7f) {
    out += fmt::format("\\x{:02x}", number);
  } else if (code < 0x10000) {
    out += fmt::format("\\u{:04x}", number);
  } else {
    out += fmt::format("\\U{:08x}", number);
  }
}

// A numeric escape: digits of `base` at the front of text, taken off.
bool TakeNumber(std::string_view& text, std::size_t digits, int base, std::uint32_t& value) {
  if (text.size() < digits) return false;
  const auto number = ParseInt<std::uint32_t>(text.substr(0, digits), base);
  if (!number) return false;
  value = *number;
  text.remove_prefix(digits);
  return true;
}

// text is behind a backslash. False: no such escape.
bool TakeEscape(std::string_view& text, char quote, std::string& out) {
  if (text.empty()) return false;
  const char letter = text.front();
  for (const Escape& escape : kEscapes) {
    if (letter == escape.letter) {
      out.push_back(escape.byte);
      text.remove_prefix(1);
      return true;
    }
  }
  std::uint32_t value = 0;
  if (letter == '\\' || letter == quote) {
    out.push_back(letter);
    text.remove_prefix(1);
    return true;
  }
  if (letter >= '0' && letter <= '7') {
    if (!TakeNumber(text, 3, 8, value) || value > 0xff) return false;
    out.push_back(static_cast<char>(value));
    return true;
  }
  text.remove_prefix(1);
  if (letter == 'x') {
    if (!TakeNumber(text, 2, 16, value)) return false;
    out.push_back(static_cast<char>(value));
    return true;
  }
  if (letter != 'u' && letter != 'U') return false;
  if (!TakeNumber(text, letter == 'u' ? 4 : 8, 16, value)) return false;
  if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return false;
  AppendUtf8(value, out);
  return true;
}

}  // namespace

void AppendQuotedGo(std::string_view text, std::string& out) {
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t size = Utf8CharacterLength(text);
    if (size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    AppendRune(DecodeUtf8(text).code, '"', out);
    text.remove_prefix(size);
  }
  out.push_back('"');
}

std::string QuoteGo(std::string_view text) {
  std::string out;
  AppendQuotedGo(text, out);
  return out;
}

std::string QuoteGoRune(char32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = kReplacement;
  std::string out = "'";
  AppendRune(code, '\'', out);
  out.push_back('\'');
  return out;
}

std::string DescribeRune(char32_t code) {
  std::string out = fmt::format("U+{:04X}", static_cast<std::uint32_t>(code));
  if (Prints(code)) {
    out += " '";
    AppendUtf8(code, out);
    out.push_back('\'');
  }
  return out;
}

std::optional<std::string> UnquoteGo(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return std::nullopt;
  const char quote = quoted.front();
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') {
    if (text.find('`') != std::string_view::npos) return std::nullopt;
    return std::string(text);
  }
  if (quote != '"' && quote != '\'') return std::nullopt;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    if (c == quote || c == '\n') return std::nullopt;
    text.remove_prefix(1);
    if (c != '\\') {
      out.push_back(c);
    } else if (!TakeEscape(text, quote, out)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace opssight
