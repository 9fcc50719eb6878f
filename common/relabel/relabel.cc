#include "common/relabel/relabel.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <openssl/evp.h>
#include <re2/re2.h>

#include "common/base/check.h"
#include "common/text/number.h"

namespace opssight {

struct Relabeler::Rule {
  RelabelOptions options;
  std::shared_ptr<const RE2> regex;
};

namespace {

// Takes the whole text as Go's "^(?s:…)$".
std::shared_ptr<const RE2> Compiled(const std::string& regex) {
  RE2::Options options(RE2::Quiet);
  options.set_dot_nl(true);
  return std::make_shared<const RE2>("(?:" + regex + ")", options);
}

// One match of a whole text with its groups.
class Match {
 public:
  Match(const RE2& regex, std::string_view text)
      : regex_(regex), groups_(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1) {
    matched_ = regex.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                           RE2::ANCHOR_BOTH, groups_.data(), static_cast<int>(groups_.size()));
  }
  bool matched() const { return matched_; }

  // Go's Regexp.Expand: $1, ${1}, $name, ${name}, $$; what names no group is empty.
  std::string Expand(std::string_view pattern) const {
    std::string out;
    while (!pattern.empty()) {
      const std::size_t dollar = pattern.find('$');
      out += pattern.substr(0, dollar);
      if (dollar == std::string_view::npos) break;
      pattern.remove_prefix(dollar + 1);
      if (pattern.starts_with('$')) {
        out.push_back('$');
        pattern.remove_prefix(1);
      } else if (!ExpandOne(pattern, out)) {
        out.push_back('$');
      }
    }
    return out;
  }

 private:
  static bool IsWord(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  // pattern is behind the dollar; false where no reference stands there.
  bool ExpandOne(std::string_view& pattern, std::string& out) const {
    const bool braced = pattern.starts_with('{');
    std::string_view rest = pattern.substr(braced ? 1 : 0);
    std::size_t size = 0;
    while (size < rest.size() && IsWord(rest[size])) ++size;
    const std::string_view name = rest.substr(0, size);
    if (name.empty() || (braced && !rest.substr(size).starts_with('}'))) return false;
    pattern = rest.substr(size + (braced ? 1 : 0));
    const auto index = IndexOf(name);
    if (index && *index < groups_.size()) {
      const re2::StringPiece& group = groups_[*index];
      out.append(group.data() == nullptr ? "" : group.data(), group.size());
    }
    return true;
  }

  std::optional<std::size_t> IndexOf(std::string_view name) const {
    if (const auto index = ParseInt<std::size_t>(name)) return index;
    const auto& named = regex_.NamedCapturingGroups();
    const auto found = named.find(std::string(name));
    if (found == named.end()) return std::nullopt;
    return static_cast<std::size_t>(found->second);
  }

  const RE2& regex_;
  std::vector<re2::StringPiece> groups_;
  bool matched_ = false;
};

std::string Joined(const RelabelOptions& options, const std::vector<Label>& labels) {
  std::string out;
  for (std::size_t i = 0; i < options.source_labels.size(); ++i) {
    if (i != 0) out += options.separator;
    out += LabelOf(labels, options.source_labels[i]);
  }
  return out;
}

// The last 8 bytes of MD5, big-endian, as Prometheus has it.
std::uint64_t Md5Number(std::string_view text) {
  std::array<unsigned char, 16> digest{};
  unsigned int size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  OPS_CHECK(done == 1 && size == digest.size(), "relabel: no MD5 in this OpenSSL");
  std::uint64_t number = 0;
  for (std::size_t i = 8; i < digest.size(); ++i) number = number << 8 | digest[i];
  return number;
}

std::string Cased(std::string text, bool upper) {
  for (char& c : text) {
    const char first = upper ? 'a' : 'A';
    if (c >= first && c <= first + 25) c = static_cast<char>(c ^ 0x20);
  }
  return text;
}

bool Matches(const RE2& regex, std::string_view text) {
  return Match(regex, text).matched();
}

void Replace(const RelabelOptions& options, const RE2& regex, std::string_view value,
             std::vector<Label>& labels) {
  const Match match(regex, value);
  if (!match.matched()) return;
  const std::string target = match.Expand(options.target_label);
  if (target.empty()) return;
  SetLabel(labels, target, match.Expand(options.replacement));
}

void Map(const RelabelOptions& options, const RE2& regex, std::vector<Label>& labels) {
  const std::vector<Label> before = labels;
  for (const Label& label : before) {
    const Match match(regex, label.name);
    if (match.matched()) SetLabel(labels, match.Expand(options.replacement), label.value);
  }
}

bool ApplyRule(const RelabelOptions& options, const RE2& regex, std::vector<Label>& labels) {
  const std::string value = Joined(options, labels);
  switch (options.action) {
    case RelabelAction::kReplace:
      Replace(options, regex, value, labels);
      return true;
    case RelabelAction::kLowercase:
    case RelabelAction::kUppercase:
      SetLabel(labels, options.target_label,
               Cased(value, options.action == RelabelAction::kUppercase));
      return true;
    case RelabelAction::kKeep:
      return Matches(regex, value);
    case RelabelAction::kDrop:
      return !Matches(regex, value);
    case RelabelAction::kKeepEqual:
      return LabelOf(labels, options.target_label) == value;
    case RelabelAction::kDropEqual:
      return LabelOf(labels, options.target_label) != value;
    case RelabelAction::kHashMod:
      SetLabel(labels, options.target_label, std::to_string(Md5Number(value) % options.modulus));
      return true;
    case RelabelAction::kLabelMap:
      Map(options, regex, labels);
      return true;
    case RelabelAction::kLabelDrop:
    case RelabelAction::kLabelKeep: {
      const bool drop = options.action == RelabelAction::kLabelDrop;
      std::erase_if(labels, [&](const Label& l) { return Matches(regex, l.name) == drop; });
      return true;
    }
  }
  return true;
}

bool WantsTarget(RelabelAction action) {
  switch (action) {
    case RelabelAction::kReplace:
    case RelabelAction::kLowercase:
    case RelabelAction::kUppercase:
    case RelabelAction::kHashMod:
    case RelabelAction::kKeepEqual:
    case RelabelAction::kDropEqual:
      return true;
    default:
      return false;
  }
}

void CheckRule(const RelabelOptions& rule, const ConfigReport& report) {
  const auto regex = Compiled(rule.regex);
  if (!regex->ok()) report("regex", fmt::format("\"{}\": {}", rule.regex, regex->error()));
  if (WantsTarget(rule.action) && rule.target_label.empty()) {
    report("target_label", "must be set for this action");
  }
  if (rule.action == RelabelAction::kHashMod && rule.modulus == 0) {
    report("modulus", "must be above 0 for hashmod");
  }
}

}  // namespace

std::string_view LabelOf(const std::vector<Label>& labels, std::string_view name) {
  for (const Label& label : labels) {
    if (label.name == name) return label.value;
  }
  return "";
}

void SetLabel(std::vector<Label>& labels, std::string_view name, std::string_view value) {
  const auto found = std::find_if(labels.begin(), labels.end(),
                                  [&](const Label& label) { return label.name == name; });
  if (value.empty()) {
    if (found != labels.end()) labels.erase(found);
  } else if (found != labels.end()) {
    found->value = std::string(value);  // A copy first: value may be of these labels.
  } else {
    labels.push_back({std::string(name), std::string(value)});
  }
}

Relabeler::Relabeler() : rules_(std::make_shared<const std::vector<Rule>>()) {}

Result<Relabeler> Relabeler::Make(const std::vector<RelabelOptions>& rules) {
  auto made = std::make_shared<std::vector<Rule>>();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    std::string wrong;
    CheckRule(rules[i], [&](std::string_view key, const std::string& what) {
      if (wrong.empty()) wrong = fmt::format("relabel rule {}: {}: {}", i + 1, key, what);
    });
    if (!wrong.empty()) return Invalid(std::move(wrong));
    made->push_back({.options = rules[i], .regex = Compiled(rules[i].regex)});
  }
  Relabeler relabeler;
  relabeler.rules_ = std::move(made);
  return relabeler;
}

bool Relabeler::Apply(std::vector<Label>& labels) const {
  return std::all_of(rules_->begin(), rules_->end(), [&labels](const Rule& rule) {
    return ApplyRule(rule.options, *rule.regex, labels);
  });
}

const OptionTable<RelabelOptions>& RelabelTable() {
  using Rule = RelabelOptions;
  static const auto table =
      OptionTable<Rule>{
          {"source_labels", &Rule::source_labels, "Labels whose values are joined to be matched."},
          {"separator", &Rule::separator, "What stands between the joined values."},
          {"regex", &Rule::regex, "An RE2 expression; it has to match the whole text."},
          {"modulus", &Rule::modulus, "Of hashmod."},
          {"target_label", &Rule::target_label, "The label that is set or compared."},
          {"replacement", &Rule::replacement, "The new value; $1, ${name} are groups of regex."},
          setting::Enum("action", &Rule::action,
                        {{"replace", RelabelAction::kReplace},
                         {"lowercase", RelabelAction::kLowercase},
                         {"uppercase", RelabelAction::kUppercase},
                         {"keep", RelabelAction::kKeep},
                         {"drop", RelabelAction::kDrop},
                         {"keepequal", RelabelAction::kKeepEqual},
                         {"dropequal", RelabelAction::kDropEqual},
                         {"hashmod", RelabelAction::kHashMod},
                         {"labelmap", RelabelAction::kLabelMap},
                         {"labeldrop", RelabelAction::kLabelDrop},
                         {"labelkeep", RelabelAction::kLabelKeep}},
                        "What is done."),
      }
          .With([](const Rule& rule, const ConfigReport& report) { CheckRule(rule, report); });
  return table;
}

}  // namespace opssight
