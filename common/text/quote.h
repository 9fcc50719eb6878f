// Strings in Go's quotes, as Prometheus, Loki and their languages write and read them.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace opssight {

// "a\n\"b\"": what does not print is escaped, a byte that is not UTF-8 as \xff.
std::string QuoteGo(std::string_view text);
void AppendQuotedGo(std::string_view text, std::string& out);
// 'x', '\n', '�' (also for what is no character).
std::string QuoteGoRune(char32_t code);
// U+0078 'x'.
std::string DescribeRune(char32_t code);

// What is between "…", '…' (with escapes) or `…` (as it is). Nothing where it is not such a
// string. Unlike Go's, '…' may hold any number of characters.
std::optional<std::string> UnquoteGo(std::string_view quoted);

}  // namespace opssight
