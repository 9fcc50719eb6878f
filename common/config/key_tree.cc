#include "common/config/key_tree.h"

#include <algorithm>

namespace opssight {

KeyTree::KeyTree(const OptionSpecs& specs) {
  for (const OptionSpec& spec : specs.options) {
    KeyTree& leaf = Reach(spec.key);
    OPS_CHECK(leaf.option == nullptr && leaf.children.empty(), "{} is twice in its table",
              spec.key);
    leaf.option = &spec;
  }
  for (const OptionSpecs::Part& section : specs.sections) Reach(section.key).help = section.help;
}

KeyTree& KeyTree::Reach(std::string_view dotted) {
  KeyTree* at = this;
  while (true) {
    const std::size_t dot = dotted.find('.');
    const std::string_view part = dotted.substr(0, dot);
    OPS_CHECK(at->option == nullptr, "{} is a setting and a section", at->key);
    auto it = std::find_if(at->children.begin(), at->children.end(),
                           [part](const KeyTree& child) { return child.key == part; });
    if (it == at->children.end()) it = at->children.emplace(at->children.end(), part);
    at = &*it;
    if (dot == std::string_view::npos) return *at;
    dotted.remove_prefix(dot + 1);
  }
}

const KeyTree* KeyTree::Find(std::string_view child) const {
  const auto it = std::find_if(children.begin(), children.end(),
                               [child](const KeyTree& tree) { return tree.key == child; });
  return it == children.end() ? nullptr : &*it;
}

std::vector<std::string> KeyTree::ChildKeys() const {
  std::vector<std::string> keys;
  for (const KeyTree& child : children) keys.push_back(child.key);
  return keys;
}

}  // namespace opssight
