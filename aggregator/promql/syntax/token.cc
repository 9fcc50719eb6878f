#include "aggregator/promql/syntax/token.h"

#include "common/text/quote.h"
#include "common/text/utf8.h"

namespace opssight::promql {
namespace {

constexpr std::size_t kShown = 10;  // Characters of a long literal.

std::string Shown(std::string_view text) {
  if (text.size() <= kShown) return QuoteGo(text);
  std::size_t end = 0;
  for (std::size_t i = 0; i < kShown && end < text.size(); ++i) {
    end += DecodeUtf8(text.substr(end)).size;
  }
  return QuoteGo(text.substr(0, end)) + "...";
}

}  // namespace

std::string Describe(const Token& token) {
  const std::string text(token.text);
  switch (token.tok) {
    case Tok::kEnd:
      return "end of input";
    case Tok::kIdentifier:
      return "identifier " + QuoteGo(text);
    case Tok::kMetricIdentifier:
      return "metric identifier " + QuoteGo(text);
    case Tok::kString:
      return "string " + Shown(text);
    case Tok::kNumber:
      return "number " + Shown(text);
    case Tok::kDuration:
      return "duration " + Shown(text);
    default:
      break;
  }
  if (IsKeyword(token.tok)) return "<" + text + ">";
  if (IsOperator(token.tok)) return "<op:" + text + ">";
  if (IsAggregator(token.tok)) return "<aggr:" + text + ">";
  return Shown(text);
}

}  // namespace opssight::promql
