#include "aggregator/promql/syntax/words.h"

#include <algorithm>
#include <array>
#include <string>

namespace opssight::promql {
namespace {

struct Word {
  std::string_view text;
  Tok tok;
};
// By text.
constexpr std::array<Word, 39> kWords = {{{"anchored", Tok::kAnchored},
                                          {"and", Tok::kAnd},
                                          {"atan2", Tok::kAtan2},
                                          {"avg", Tok::kAvg},
                                          {"bool", Tok::kBool},
                                          {"bottomk", Tok::kBottomk},
                                          {"by", Tok::kBy},
                                          {"count", Tok::kCount},
                                          {"count_values", Tok::kCountValues},
                                          {"end", Tok::kEndWord},
                                          {"fill", Tok::kFill},
                                          {"fill_left", Tok::kFillLeft},
                                          {"fill_right", Tok::kFillRight},
                                          {"group", Tok::kGroup},
                                          {"group_left", Tok::kGroupLeft},
                                          {"group_right", Tok::kGroupRight},
                                          {"ignoring", Tok::kIgnoring},
                                          {"inf", Tok::kNumber},
                                          {"limit_ratio", Tok::kLimitRatio},
                                          {"limitk", Tok::kLimitk},
                                          {"max", Tok::kMax},
                                          {"max_of", Tok::kMaxOf},
                                          {"min", Tok::kMin},
                                          {"min_of", Tok::kMinOf},
                                          {"nan", Tok::kNumber},
                                          {"offset", Tok::kOffset},
                                          {"on", Tok::kOn},
                                          {"or", Tok::kOr},
                                          {"quantile", Tok::kQuantile},
                                          {"range", Tok::kRange},
                                          {"smoothed", Tok::kSmoothed},
                                          {"start", Tok::kStart},
                                          {"stddev", Tok::kStddev},
                                          {"stdvar", Tok::kStdvar},
                                          {"step", Tok::kStep},
                                          {"sum", Tok::kSum},
                                          {"topk", Tok::kTopk},
                                          {"unless", Tok::kUnless},
                                          {"without", Tok::kWithout}}};
constexpr std::size_t kLongest = 12;  // "count_values"

}  // namespace

std::optional<Tok> FindWord(std::string_view word) {
  if (word.size() > kLongest) return std::nullopt;
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto* found = std::lower_bound(
      kWords.begin(), kWords.end(), lower,
      [](const Word& entry, const std::string& text) { return entry.text < text; });
  if (found == kWords.end() || found->text != lower) return std::nullopt;
  return found->tok;
}

}  // namespace opssight::promql
