#include "common/config/read_tree.h"

#include <utility>

#include "common/config/key_tree.h"
#include "common/config/merge.h"

namespace opssight {
namespace {

constexpr std::string_view kMasked = "<secret>";

// A setting of the same last part elsewhere: its key stands at the wrong level.
std::string Elsewhere(const OptionSpecs& specs, const std::string& path, const std::string& key) {
  for (const OptionSpec& option : specs.options) {
    const bool same = option.key == key || option.key.ends_with("." + key);
    if (same) return fmt::format("; did you mean \"{}\"?", JoinKey(path, option.key));
  }
  return "";
}

class TreeReader {
 public:
  TreeReader(const OptionSpecs& specs, const std::string& path, void* options,
             ConfigReading& reading)
      : specs_(specs), root_path_(path), options_(options), reading_(reading) {}

  void ReadMap(const KeyTree& tree, const ConfigNode& node, const std::string& path) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string child_path = JoinKey(path, node.keys[i]);
      const KeyTree* child = tree.Find(node.keys[i]);
      if (child == nullptr) {
        Unknown(tree, node.keys[i], node.items[i], child_path);
      } else if (child->option != nullptr) {
        ReadOption(*child->option, node.items[i], child_path, options_, reading_);
      } else if (!node.items[i].is_null() &&
                 ExpectKind(node.items[i], ConfigNode::Kind::kMap, child_path, reading_)) {
        ReadMap(*child, node.items[i], child_path);
      }
    }
  }

 private:
  void Unknown(const KeyTree& tree, const std::string& key, const ConfigNode& node,
               const std::string& path) {
    for (const OptionSpecs::Part& refused : specs_.refused) {
      if (JoinKey(root_path_, refused.key) != path) continue;
      return reading_.problems.Add(node.origin, path, refused.help);
    }
    std::string hint = DidYouMean(key, tree.ChildKeys());
    if (hint.empty()) hint = Elsewhere(specs_, root_path_, key);
    reading_.problems.Add(node.origin, path, "unknown key" + hint);
  }

  const OptionSpecs& specs_;
  const std::string& root_path_;
  void* const options_;
  ConfigReading& reading_;
};

void CheckBounds(const OptionSpec& option, const ConfigNode& node, const std::string& path,
                 const void* options, ConfigReading& reading) {
  const auto number = option.kind->Number(option.Of(options));
  if (!number) return;
  const std::string text = option.secret ? "the value" : node.text;
  if (option.min && *number < *option.min) {
    reading.problems.Add(node.origin, path,
                         fmt::format("{} is below the least allowed, {}", text,
                                     option.kind->FormatNumber(*option.min)));
  } else if (option.max && *number > *option.max) {
    reading.problems.Add(node.origin, path,
                         fmt::format("{} is above the most allowed, {}", text,
                                     option.kind->FormatNumber(*option.max)));
  }
}

bool IsEmpty(const ConfigNode& node) {
  return node.items.empty() && node.text.empty();
}

void Put(ConfigNode& map, const KeyTree& tree, const void* options, bool reveal) {
  for (const KeyTree& child : tree.children) {
    if (child.option != nullptr) {
      map.Append(child.key, WriteOption(*child.option, options, reveal));
      continue;
    }
    ConfigNode section;
    section.kind = ConfigNode::Kind::kMap;
    Put(section, child, options, reveal);
    map.Append(child.key, std::move(section));
  }
}

}  // namespace

void ReadOption(const OptionSpec& option, const ConfigNode& node, const std::string& path,
                void* options, ConfigReading& reading) {
  if (node.is_null()) return;  // "key: ~": the default.
  const std::size_t problems = reading.problems.count();
  const bool outer_secret = std::exchange(reading.secret, option.secret || reading.secret);
  option.kind->Read(node, path, option.at(options), reading);
  reading.origins.insert_or_assign(path, node.origin);
  if (reading.problems.count() == problems) CheckBounds(option, node, path, options, reading);
  reading.secret = outer_secret;
}

void ReadTree(const OptionSpecs& specs, const ConfigNode& node, const std::string& path,
              void* options, ConfigReading& reading) {
  const KeyTree tree(specs);
  TreeReader(specs, path, options, reading).ReadMap(tree, node, path);
}

void CheckWhole(const OptionSpecs& specs, const ConfigNode& node, const std::string& path,
                const void* options, ConfigReading& reading) {
  for (const OptionSpec& option : specs.options) {
    if (!option.required || !IsEmpty(option.kind->Write(option.Of(options)))) continue;
    reading.problems.Add(node.origin, JoinKey(path, option.key), "must be set");
  }
  for (const OptionSpecs::Check& check : specs.checks) {
    check(options, [&](std::string_view key, std::string what) {
      const std::string full = JoinKey(path, std::string(key));
      const auto set = reading.origins.find(full);
      reading.problems.Add(set == reading.origins.end() ? node.origin : set->second, full,
                           std::move(what));
    });
  }
}

ConfigNode WriteOption(const OptionSpec& option, const void* options, bool reveal) {
  if (reveal) return option.kind->Reveal(option.Of(options));
  ConfigNode node = option.kind->Write(option.Of(options));
  if (option.secret && !IsEmpty(node)) return ConfigNode::Text(std::string(kMasked));
  return node;
}

ConfigNode WriteTree(const OptionSpecs& specs, const void* options, bool reveal) {
  ConfigNode map;
  map.kind = ConfigNode::Kind::kMap;
  Put(map, KeyTree(specs), options, reveal);
  return map;
}

}  // namespace opssight
