#include "common/config/node.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace opssight {
namespace {

constexpr std::size_t kComparedMax = 64;  // Longer words are no slip of the finger.

// Letters to insert, drop, change or swap (Damerau, each place once).
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string ConfigOrigin::ToString() const {
  if (file == nullptr) return "";
  return line == 0 ? *file : fmt::format("{}:{}", *file, line);
}

ConfigNode ConfigNode::Text(std::string text) {
  ConfigNode node;
  node.kind = Kind::kText;
  node.text = std::move(text);
  return node;
}

const ConfigNode* ConfigNode::Find(std::string_view key) const {
  const auto it = std::find(keys.begin(), keys.end(), key);
  return it == keys.end() ? nullptr : &items[static_cast<std::size_t>(it - keys.begin())];
}

void ConfigNode::Append(ConfigNode item) {
  nodes += item.nodes;
  items.push_back(std::move(item));
}

void ConfigNode::Append(std::string key, ConfigNode item) {
  keys.push_back(std::move(key));
  Append(std::move(item));
}

std::string ConfigProblem::ToString() const {
  std::string text = origin.ToString();
  for (const std::string& part : {key, what}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  return text;
}

void ConfigProblems::Add(const ConfigOrigin& origin, std::string_view key, std::string what) {
  if (list_.size() == kKeptMax) {
    ++left_out_;
    return;
  }
  list_.push_back({.origin = origin, .key = std::string(key), .what = std::move(what)});
}

void ConfigProblems::Sort(const std::vector<std::string>& files) {
  const auto rank = [&files](const ConfigProblem& problem) {
    const auto it = problem.origin.file == nullptr
                        ? files.end()
                        : std::find(files.begin(), files.end(), *problem.origin.file);
    return std::pair(it - files.begin(), problem.origin.line);
  };
  std::stable_sort(list_.begin(), list_.end(),
                   [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

std::string ConfigProblems::ToString() const {
  std::string text;
  for (const ConfigProblem& problem : list_) text += problem.ToString() + "\n";
  if (left_out_ != 0) text += fmt::format("and {} more problems\n", left_out_);
  return text;
}

std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates) {
  const std::string* nearest = nullptr;
  std::size_t best = std::min<std::size_t>(3, 1 + text.size() / 4) + 1;
  if (text.size() < 2) return "";  // Any other letter would be as near.
  for (const std::string& candidate : candidates) {
    if (text.size() > kComparedMax || candidate.size() > kComparedMax) continue;
    const std::size_t distance = EditDistance(text, candidate);
    if (distance < best) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : fmt::format("; did you mean \"{}\"?", *nearest);
}

}  // namespace opssight
