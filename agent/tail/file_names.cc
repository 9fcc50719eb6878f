#include "agent/tail/file_names.h"

#include <algorithm>
#include <utility>

namespace opssight {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsSeparator(char c) {
  return c == '.' || c == '-' || c == '_';
}

// Of pattern at '[': whether c is in the set, and where the set ends (npos: it does not,
// and '[' stands for itself).
bool InSet(std::string_view pattern, char c, std::size_t& end) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (const std::size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i != first) {
      end = i + 1;
      return found != negated;
    }
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found |= pattern[i] <= c && c <= pattern[i + 2];
      i += 2;
    } else {
      found |= pattern[i] == c;
    }
  }
  end = std::string_view::npos;
  return false;
}

std::string_view TakeComponent(std::string_view& path) {
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string_view component = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return component;
}

// "20260101-101112" and the like: digits with separators and a 'T' or 'Z' between.
bool IsDate(std::string_view text, std::string& digits) {
  digits.clear();
  for (const char c : text) {
    if (IsDigit(c)) {
      digits.push_back(c);
    } else if (!IsSeparator(c) && c != 'T' && c != 'Z' && c != ':' && c != '+') {
      return false;
    }
  }
  return digits.size() >= 8 && IsDigit(text.front());
}

std::optional<RotatedName> ParseSuffix(std::string_view suffix, bool dates_only) {
  RotatedName name;
  if (suffix.size() < 2 || !IsSeparator(suffix.front())) return std::nullopt;
  const char separator = suffix.front();
  suffix.remove_prefix(1);
  if (IsDate(suffix, name.digits)) {
    name.kind = RotatedName::Kind::kDate;
    return name;
  }
  if (dates_only || separator != '.') return std::nullopt;
  if (suffix == "old") return RotatedName{};
  if (suffix.size() > 6 || !std::all_of(suffix.begin(), suffix.end(), IsDigit)) return std::nullopt;
  suffix.remove_prefix(std::min(suffix.find_first_not_of('0'), suffix.size() - 1));
  return RotatedName{.kind = RotatedName::Kind::kNumber, .digits = std::string(suffix)};
}

// Splits at each '_'; nothing unless there are exactly three parts.
std::optional<std::vector<std::string_view>> ThreeParts(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find('_');
    parts.push_back(text.substr(0, end));
    if (parts.back().empty() || parts.size() > 3) return std::nullopt;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (parts.size() != 3) return std::nullopt;
  return parts;
}

}  // namespace

bool MatchName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;  // Where to go back to: one more for the last *.
  std::size_t star_name = 0;
  while (n < name.size()) {
    std::size_t step = 0;  // Of the pattern, where it matches name[n].
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      if (pattern[p] == '[') {
        std::size_t end = 0;
        const bool in = InSet(pattern.substr(p), name[n], end);
        if (end == std::string_view::npos) {
          step = name[n] == '[' ? 1 : 0;
        } else if (in) {
          step = end;
        }
      } else if (pattern[p] == '?' || pattern[p] == name[n]) {
        step = 1;
      }
    }
    if (step != 0) {
      p += step;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool MatchPath(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view component = TakeComponent(pattern);
    if (component == "**") {
      for (std::string_view tail = path;; TakeComponent(tail)) {
        if (MatchPath(pattern, tail)) return true;
        if (tail.empty()) return false;
      }
    }
    if (path.empty()) return false;
    if (!MatchName(component, TakeComponent(path))) return false;
  }
  return path.empty();
}

std::optional<RotatedName> ParseRotatedName(std::string_view base, std::string_view name) {
  const bool gz = name.ends_with(".gz");
  if (gz) name.remove_suffix(3);
  std::optional<RotatedName> rotated;
  if (name.size() > base.size() && name.starts_with(base)) {
    rotated = ParseSuffix(name.substr(base.size()), false);
  }
  const std::size_t dot = base.rfind('.');
  if (!rotated && dot != std::string_view::npos && dot != 0) {
    const std::string_view stem = base.substr(0, dot);
    const std::string_view extension = base.substr(dot);
    if (name.size() > base.size() && name.starts_with(stem) && name.ends_with(extension)) {
      rotated =
          ParseSuffix(name.substr(stem.size(), name.size() - base.size()), /*dates_only=*/true);
    }
  }
  if (rotated) rotated->gz = gz;
  return rotated;
}

std::vector<std::string> LiveNamesOf(std::string_view name) {
  std::vector<std::string> bases;
  const std::string_view plain = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  const auto consider = [&](std::string base) {
    if (!base.empty() && ParseRotatedName(base, name)) bases.push_back(std::move(base));
  };
  for (std::size_t i = 1; i < plain.size(); ++i) {
    if (!IsSeparator(plain[i])) continue;
    consider(std::string(plain.substr(0, i)));
    // app-20260101.log: the extension is after the last dot.
    const std::size_t dot = plain.rfind('.');
    if (dot != std::string_view::npos && dot > i) {
      std::string base(plain.substr(0, i));
      base.append(plain.substr(dot));
      consider(std::move(base));
    }
  }
  return bases;
}

std::optional<PodPath> ParsePodPath(std::string_view path) {
  const std::size_t at = path.rfind("/pods/");
  if (at == std::string_view::npos) return std::nullopt;
  path.remove_prefix(at + 6);
  const auto parts = ThreeParts(TakeComponent(path));
  const std::string_view container = TakeComponent(path);
  if (!parts || container.empty() || path.empty()) return std::nullopt;
  return PodPath{.pod_namespace = (*parts)[0], .pod = (*parts)[1], .container = container};
}

std::optional<PodPath> ParseContainersLink(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.ends_with(".log")) return std::nullopt;
  name.remove_suffix(4);
  constexpr std::size_t kIdDigits = 64;
  if (name.size() <= kIdDigits || name[name.size() - kIdDigits - 1] != '-') return std::nullopt;
  name.remove_suffix(kIdDigits + 1);
  const auto parts = ThreeParts(name);
  if (!parts) return std::nullopt;
  return PodPath{.pod_namespace = (*parts)[1], .pod = (*parts)[0], .container = (*parts)[2]};
}

std::string LabelName(std::string_view name) {
  std::string out;
  if (!name.empty() && IsDigit(name.front())) out.push_back('_');
  for (const char c : name) {
    const bool good = IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out.push_back(good ? c : '_');
  }
  return out;
}

}  // namespace opssight
